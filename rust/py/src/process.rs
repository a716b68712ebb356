//! What concerns the whole process.

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall};

/// Keeps the process's memory from being paged out: what it has is read in now, what it takes later stays once it was
/// touched (so that the untouched parts of thread stacks cost nothing). Raises `OSError` with the system's number.
#[pyfunction]
pub(crate) fn lock_memory() -> PyResult<()> {
    let locked = mlockall(MlockAllFlags::CURRENT)
        .and_then(|()| mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT));
    locked.map_err(|error: Errno| PyOSError::new_err((error.raw_os_error(), "mlockall")))
}
