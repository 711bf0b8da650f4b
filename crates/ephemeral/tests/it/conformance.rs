//! The contract of the ports, as tests that every adapter passes. `suite!` makes them for one.

pub(crate) mod crowds;
pub(crate) mod names;
pub(crate) mod nodes;
pub(crate) mod presence;
pub(crate) mod rates;
pub(crate) mod typing;

use std::{sync::Arc, time::Duration};

use hubbub_domain::UserId;
use hubbub_ephemeral::Ephemeral;

pub(crate) type State = Arc<dyn Ephemeral>;

/// Short enough to wait for, long enough for a slow machine to renew it.
pub(crate) const TTL: Duration = Duration::from_millis(1_500);
pub(crate) const LONG: Duration = Duration::from_mins(1);

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

/// One test per function of the modules. `$state` is an async function that returns a fresh state.
macro_rules! suite {
    ($state:path: $($module:ident::$test:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::conformance::$module::$test(state().await).await;
            }
        )+
    };
    ($state:path) => {
        crate::conformance::suite! { $state:
            crowds::everybody_is_counted_once_and_ends_by_themselves
            crowds::who_goes_is_gone_at_once_or_within_a_time
            crowds::a_large_crowd_is_counted_whole
            names::a_name_has_one_owner_until_they_give_it_back
            names::a_claim_that_is_not_renewed_ends
            names::many_are_claimed_at_once_and_each_is_answered
            names::of_many_who_ask_at_once_one_gets_it
            names::scopes_and_strange_names_do_not_meet
            nodes::a_node_is_there_until_it_stops_renewing
            nodes::a_node_that_says_goodbye_is_gone_at_once
            presence::a_user_is_what_their_leases_say
            presence::whoever_comes_back_within_the_grace_was_never_gone
            presence::the_end_is_told_once_to_one_of_all_who_look
            presence::a_lease_that_ends_leaves_what_the_others_say
            presence::nobody_has_more_leases_than_they_may
            presence::everybody_who_is_asked_for_is_answered
            rates::what_is_spent_beyond_the_burst_has_to_be_waited_for
            rates::a_claim_is_all_or_nothing_and_can_be_given_back
            rates::many_are_counted_at_once_and_a_debt_has_a_bound
            typing::typing_ends_when_it_is_said_and_by_itself
            typing::of_many_typists_the_latest_are_told
            typing::devices_of_one_user_type_each_for_itself
        }
    };
}
pub(crate) use suite;
