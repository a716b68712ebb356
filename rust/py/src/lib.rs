//! `ferrofeed._core`: the boundary between Python and `ferrofeed-core`, and nothing else.

use pyo3::prelude::*;

#[pymodule]
#[pyo3(name = "_core")]
mod core_module {
    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "the Python name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
