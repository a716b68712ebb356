//! A journal read from outside: line by line, or as the state it makes. Nothing is written, beside a running router or not.

use super::core::JournalError;
use super::shape::{self, money};
use ferrofeed_core::orders::describe;
use ferrofeed_core::orders::journal::{Entry, Recovery, read_all};
use ferrofeed_core::orders::ledger::Ledger;
use ferrofeed_core::orders::record::Record;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::Path;

/// Enough for every order of a segment.
const KEEP: usize = 10_000_000;

fn walk(
    folder: &str,
    from_oldest: bool,
    each: &mut dyn FnMut(Entry<'_>, &Record, &Ledger) -> Result<(), String>,
) -> PyResult<(Ledger, Recovery)> {
    let mut ledger = Ledger::new(KEEP);
    let mut call = |entry: Entry<'_>| {
        let record = Record::read(entry.kind, entry.payload).map_err(|error| error.to_string())?;
        ledger.apply(&record, entry.time).map_err(|error| error.to_string())?;
        each(entry, &record, &ledger)
    };
    let read = read_all(Path::new(folder), from_oldest, &mut call);
    read.map(|found| (ledger, found)).map_err(|error| JournalError::new_err(error.to_string()))
}

/// Calls `each(number, time, text)` for every entry, from the newest checkpoint on or from the oldest segment; gives entries read,
/// number of the last, bytes of an unfinished write at the end.
#[pyfunction]
#[pyo3(signature = (folder, each, *, from_oldest=false))]
#[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn read_journal(
    py: Python<'_>,
    folder: &str,
    each: Py<PyAny>,
    from_oldest: bool,
) -> PyResult<(u64, u64, u64)> {
    let mut failed = None;
    let mut call = |entry: Entry<'_>, record: &Record, ledger: &Ledger| {
        each.call1(py, (entry.number, entry.time, describe(record, ledger))).map(drop).map_err(|error| {
            failed = Some(error);
            "the caller stopped".to_owned()
        })
    };
    let read = walk(folder, from_oldest, &mut call);
    if let Some(error) = failed {
        return Err(error);
    }
    let (_, found) = read?;
    Ok((found.entries, found.last, found.torn))
}

/// The state that a journal makes: `orders` (as `OrderCore.orders` gives them, live and kept), `venues`, `symbols` by instrument,
/// `positions` and `balances` as `(venue, name, ...)`, `mode`, `killed`, `anomalies`, `denials`, `starts`, `entries`, `last`, `torn`.
#[pyfunction]
#[pyo3(signature = (folder, *, prefix="ff"))]
pub(crate) fn replay_orders<'py>(py: Python<'py>, folder: &str, prefix: &str) -> PyResult<Bound<'py, PyDict>> {
    let (ledger, found) = walk(folder, false, &mut |_, _, _| Ok(()))?;
    let mut all: Vec<_> = ledger.orders().collect();
    all.sort_unstable_by_key(|order| order.placed.id);
    let orders = all
        .into_iter()
        .map(|order| {
            let rules = ledger.instrument(order.placed.instrument).map(|known| &known.rules);
            let strategy = usize::try_from(order.placed.strategy).ok().and_then(|at| ledger.strategies().get(at));
            let client_id = format!("{prefix}{}", order.placed.id);
            shape::order(py, rules, strategy.map_or("", |name| name), order, client_id)
        })
        .collect::<PyResult<Vec<_>>>()?;
    let venue = |desk: u16| ledger.desks().get(usize::from(desk)).map_or("", |name| name);
    let positions: Vec<_> = (0..)
        .zip(ledger.instruments())
        .map(|(index, known)| {
            let position = ledger.position(index);
            (venue(known.desk), &*known.rules.symbol, money(position.long), money(position.short))
        })
        .collect();
    let balances: Vec<_> = (0..)
        .zip(ledger.desks())
        .flat_map(|(desk, name)| ledger.balances(desk).into_iter().flatten().map(move |entry| (name, entry)))
        .map(|(name, (currency, [free, locked, total]))| {
            (&**name, &**currency, money(*free), money(*locked), money(*total))
        })
        .collect();
    let (anomalies, denials, starts) = ledger.counts();
    let dict = PyDict::new(py);
    dict.set_item("orders", orders)?;
    dict.set_item("venues", ledger.desks().iter().map(|name| &**name).collect::<Vec<_>>())?;
    dict.set_item("symbols", ledger.instruments().iter().map(|known| &*known.rules.symbol).collect::<Vec<_>>())?;
    dict.set_item("positions", positions)?;
    dict.set_item("balances", balances)?;
    dict.set_item("mode", ledger.mode().name())?;
    dict.set_item("killed", ledger.kill())?;
    for (name, number) in [
        ("anomalies", anomalies),
        ("denials", denials),
        ("starts", starts),
        ("entries", found.entries),
        ("last", found.last),
        ("torn", found.torn),
    ] {
        dict.set_item(name, number)?;
    }
    Ok(dict)
}
