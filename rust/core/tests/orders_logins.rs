//! Logins that come and go at a venue while the router runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    unreachable_pub,
    reason = "a test: what fails here must fail loudly"
)]

mod orders_support;

use ferrofeed_core::orders::risk::{Limits, Rule};
use ferrofeed_core::orders::router::{Denial, DeskState, NewOrder, Outgoing, Request, Speaker};
use ferrofeed_core::orders::{
    BalanceReport, Gateway, PositionMore, PositionReport, Product, RefusalKind, Report, RequestKey,
};
use ferrofeed_core::sign::Secret;
use orders_support::{SECOND, World, budget, dec, quantapi, refusal, rules, text};

fn keys(name: &str) -> (Secret, Secret) {
    (format!("{name}-key").as_str().into(), format!("{name}-secret").as_str().into())
}

fn add(world: &mut World, name: &str, link: u16) -> (u16, Vec<(u32, u32)>) {
    let now = world.stamp();
    world.router.add_login(world.desk, &format!("paper#{name}"), link, Some(keys(name)), now).unwrap()
}

fn next(world: &mut World, link: u16) -> Option<Outgoing> {
    let now = world.stamp();
    world.router.outgoing(link, now)
}

/// Answers everything that one login asks, with nothing there.
fn answer_all(world: &mut World, desk: u16, link: u16) {
    while let Some(sent) = next(world, link) {
        assert_eq!(sent.desk, desk);
        let request = RequestKey::Number(sent.number);
        let now = world.stamp();
        let report = match sent.request {
            Request::Orders(_) => Report::Orders { request, orders: vec![] },
            Request::Balances => Report::Balances { request, balances: vec![] },
            Request::Positions(_) => Report::Positions { request, positions: vec![] },
            Request::Rules(_) => Report::Rules { request, rules: vec![] },
            other => panic!("not a question: {other:?}"),
        };
        world.router.report(desk, report, now);
    }
}

fn ready(world: &mut World, desk: u16, link: u16) {
    let now = world.stamp();
    world.router.opened(link, now);
    answer_all(world, desk, link);
    for _ in 0..4 {
        world.pass(SECOND);
        answer_all(world, desk, link);
    }
    assert_eq!(world.router.desk_state(desk), Some(DeskState::Ready));
}

fn place(world: &mut World, instrument: u32) -> Result<u64, Denial> {
    let order = NewOrder { instrument, ..world.order() };
    world.try_place(&order)
}

#[test]
fn a_login_speaks_with_its_own_keys_and_shares_nothing_but_the_venue() {
    let mut world = World::new(quantapi());
    let now = world.stamp();
    world.router.opened(0, now);
    let login = next(&mut world, 0).unwrap();
    world.report(Report::LoggedIn { request: RequestKey::Number(login.number), token: Secret::from("token") });
    world.report(Report::Gateway { state: Gateway::Ready, message: "".into() });
    world.answer_questions(&[]);
    world.pass(SECOND);
    world.answer_questions(&[]);
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
    let (desk, own) = add(&mut world, "anna", 0);
    assert_eq!(own.iter().map(|(of, _)| *of).collect::<Vec<_>>(), [world.spot, world.contract]);
    assert_ne!(desk, world.desk);
    assert_eq!(world.router.desk_state(desk), Some(DeskState::Down));
    assert!(next(&mut world, 0).is_none(), "nothing is said before it is opened");
    let now = world.stamp();
    world.router.open_desk(desk, now);
    let login = next(&mut world, 0).expect("a login");
    assert_eq!((login.desk, &login.request), (desk, &Request::Login));
    let said = text(&login);
    assert!(said.contains("anna-key") && said.contains("anna-secret") && !said.contains("\"key\""), "{said}");
    // refused: it says why until a later one is taken
    let request = RequestKey::Number(login.number);
    let why = refusal(RefusalKind::Insufficient);
    world.router.report(desk, Report::RequestRefused { request, refusal: why }, now);
    assert!(world.router.refusal(desk).is_some());
    assert_eq!(world.router.refusal(world.desk), None);
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready), "it is nobody else's business");
    assert!(world.router.remove_desk(desk, now));
    assert_eq!(world.router.desk_state(desk), None);
    world.pass(60 * SECOND);
    assert!(next(&mut world, 0).is_none(), "nobody is there to log in again");
}

#[test]
fn limits_and_budget_are_as_large_for_each() {
    let mut world = World::ready(Speaker::Paper);
    let limits = Limits { max_quantity: Some(dec("3")), ..Limits::default() };
    world.router.risk().set_limits(world.spot, limits);
    world.router.risk().set_budget(world.desk, budget(2, 0));
    let (desk, own) = add(&mut world, "anna", 7);
    ready(&mut world, desk, 7);
    world.pass(10 * SECOND);
    let spot = own[0].1;
    let large = NewOrder { instrument: spot, quantity: dec("3.5"), ..world.order() };
    let Err(Denial::Risk(reject)) = world.try_place(&large) else { panic!("it has the venue's limits") };
    assert_eq!(reject.rule, Rule::MaxQuantity);
    for instrument in [spot, world.spot] {
        let placed = (0..3).map(|_| place(&mut world, instrument).is_ok()).collect::<Vec<_>>();
        assert_eq!(placed, [true, true, false], "a budget of two each");
    }
}

#[test]
fn live_orders_keep_a_login_and_its_number_is_its_own_for_as_long_as_they_are_remembered() {
    let mut world = World::ready(Speaker::Paper);
    let (anna, own) = add(&mut world, "anna", 7);
    ready(&mut world, anna, 7);
    let id = place(&mut world, own[0].1).unwrap();
    let sent = next(&mut world, 7).unwrap();
    let now = world.stamp();
    assert!(!world.router.remove_desk(anna, now), "an order of it is live");
    assert_eq!(world.router.desk_state(anna), Some(DeskState::Ready));
    let request = RequestKey::Number(sent.number);
    let refused = refusal(RefusalKind::Insufficient);
    world.router.report(anna, Report::Refused { request, client_id: "".into(), refusal: refused }, now);
    assert!(world.router.remove_desk(anna, now));
    // what is kept of it has its name: nobody else gets the number
    let (bert, _) = add(&mut world, "bert", 7);
    assert_ne!(bert, anna);
    let (again, instruments) = add(&mut world, "anna", 8);
    assert_eq!((again, instruments), (anna, own));
    assert_eq!(world.router.ledger().order(id).unwrap().placed.desk, anna);
}

#[test]
fn a_number_that_nobody_used_is_given_again_with_nothing_of_its_former_owner() {
    let mut world = World::ready(Speaker::Paper);
    let (anna, own) = add(&mut world, "anna", 7);
    ready(&mut world, anna, 7);
    let now = world.stamp();
    let amount = dec("5");
    let balance =
        BalanceReport { account: "".into(), currency: "ETH".into(), free: amount, locked: dec("0"), total: amount };
    world.router.report(anna, Report::Balances { request: RequestKey::None, balances: vec![balance] }, now);
    let held = PositionReport {
        symbol: "BTC/USDT".into(),
        long: Some((amount, amount, dec("100"))),
        short: None,
        more: PositionMore::default(),
        updated: 0,
    };
    world.router.report(anna, Report::Positions { request: RequestKey::None, positions: vec![held] }, now);
    world.pass(20 * SECOND);
    world.pass(20 * SECOND);
    let balances =
        |world: &World, desk: u16| world.router.ledger().balances(desk).map_or(0, std::collections::BTreeMap::len);
    assert_eq!(balances(&world, anna), 1);
    assert!(world.router.ledger().position(own[1].1).long > 0 && world.router.ledger().position(own[0].1).long > 0);
    assert!(world.router.remove_desk(anna, now));
    let before = world.journal.lock().unwrap().entries.len();
    for name in ["bert", "carl", "dora"] {
        let (desk, instruments) = add(&mut world, name, 7);
        assert_eq!((desk, &instruments), (anna, &own));
        assert_eq!(&*world.router.ledger().desks()[usize::from(desk)], format!("paper#{name}"));
        assert_eq!(balances(&world, desk), 0);
        assert_eq!(world.router.ledger().position(own[1].1).long, 0);
        assert_eq!(world.router.ledger().position(own[0].1).long, 0);
        assert!(world.router.remove_desk(desk, now));
    }
    assert_eq!(world.journal.lock().unwrap().entries.len(), before + 3, "a line for each name, and no more");
    assert_eq!(world.router.ledger().desks().len(), 2);
    // a number of another venue's is not for them
    let other = world.router.add_desk("elsewhere#anna", 9, Speaker::Paper, 0, now);
    assert!(world.router.remove_desk(other, now));
    assert_eq!(add(&mut world, "emil", 7).0, anna);
    assert_ne!(add(&mut world, "fritz", 8).0, other);
}

#[test]
fn a_desk_that_is_touched_is_told_once_and_a_desk_at_rest_wakes_up() {
    let mut world = World::ready(Speaker::Paper);
    while world.router.take_touched().is_some() {}
    for _ in 0..100 {
        world.pass(SECOND);
    }
    assert_eq!(world.router.touched_count(), 0, "nothing happens, nobody is looked at");
    let (first, second) = (world.place(), world.place());
    assert_eq!((world.router.take_touched(), world.router.take_touched()), (Some(world.desk), None));
    assert!(world.router.has_waiting(world.desk));
    let sent = [world.command().unwrap(), world.command().unwrap()];
    world.accept(&sent[0], "v1");
    world.accept(&sent[1], "v2");
    // a cancel that was taken, and the order stays: the venue is asked
    let now = world.stamp();
    for id in [first, second] {
        world.router.cancel(id, SECOND, now).unwrap();
    }
    while let Some(sent) = world.command() {
        let Request::Cancel(ids) = &sent.request else { panic!("{sent:?}") };
        let orders = ids.iter().map(|id| (world.router.venue_id(*id).into(), None)).collect();
        world.report(Report::CancelAnswer { request: RequestKey::Number(sent.number), orders });
    }
    assert!(world.router.restless().iter().any(|what| what.contains("cancelled order")));
    let mut asked = Vec::new();
    for _ in 0..50 {
        world.pass(SECOND / 50);
        while let Some(sent) = world.sent() {
            asked.push(sent.request.clone());
            world.answer(&sent, &[]);
        }
    }
    assert!(asked.contains(&Request::Orders(world.spot)), "{asked:?}");
}

#[test]
fn an_account_of_the_exchange_in_this_process_is_not_polled() {
    let mut world = World::ready(Speaker::Paper);
    let now = world.stamp();
    let of = world.router.add_desk("exchange", 5, Speaker::Paper, 5 * SECOND, now);
    world.router.add_instrument(of, rules("ETH/USDT", Product::Spot), now).unwrap();
    let (anna, own) = world.router.add_login(of, "exchange#anna", 7, None, now).unwrap();
    ready(&mut world, of, 5);
    ready(&mut world, anna, 7);
    let asked = |world: &mut World, desk: u16, link: u16, instrument: u32| {
        place(world, instrument).unwrap();
        let sent = next(world, link).unwrap();
        let now = world.stamp();
        let request = RequestKey::Number(sent.number);
        let taken = Report::Accepted { request, client_id: "".into(), venue_id: format!("v{desk}").into() };
        world.router.report(desk, taken, now);
        (0..100).fold(0, |asked, _| {
            world.pass(SECOND / 5);
            let sent = next(world, link);
            asked + usize::from(sent.is_some_and(|sent| matches!(sent.request, Request::Orders(_))))
        })
    };
    let first = world.router.instrument_named(of, "ETH/USDT").unwrap();
    assert!(asked(&mut world, of, 5, first) > 0, "the venue's own login is");
    assert_eq!(asked(&mut world, anna, 7, own[0].1), 0);
}
