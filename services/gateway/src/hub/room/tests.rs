//! A room whose writers come when the test lets them.

use std::sync::Arc;

use hubbub_domain::{Rev, RoomId, SystemNotice, UserId};

use super::{Attached, Room, Start, TURN};
use crate::{
    hub::{
        encoded::{Live, sample::told},
        order::WAITING_MAX,
    },
    native::NativeCodec,
    session::{Manner, Outbox, Session, Sessions},
};

fn live(room: &Room) -> Vec<Arc<Session>> {
    room.settle(Rev::ZERO);
    let sessions = Sessions::default();
    let user = UserId::parse("alice").expect("valid");
    let session = || {
        let outbox = Arc::new(Outbox::new(1_000_000));
        Session::new(sessions.next_id(), user.clone(), Manner::plain(&NativeCodec), outbox)
    };
    let followers: Vec<_> = (0..3 * TURN).map(|_| Arc::new(session())).collect();
    for follower in &followers {
        assert_eq!(room.attach(follower, Start::After(Rev::ZERO)), Attached::Here);
    }
    followers
}

fn said(room: &Room, rev: u64) -> Vec<Live> {
    vec![told(room.id(), rev, SystemNotice::Announced { text: "x".into() }).into()]
}

/// Does what a writer does; how many turns it took.
fn write(room: &Room, writer: usize) -> usize {
    let Some(news) = room.order().take_news(writer) else { return 0 };
    let (mut turns, mut after) = (0, None);
    loop {
        let turn = room.give(writer, &news, after);
        turns += 1;
        match turn.next {
            Some(next) => after = Some(next),
            None => return turns,
        }
    }
}

fn waiting(sessions: &[Arc<Session>]) -> Vec<usize> {
    sessions.iter().map(|session| session.outbox().take().len()).collect()
}

#[test]
fn a_writer_is_told_once_and_gives_all_there_is_to_everybody_of_its_own() {
    let room = Room::new(RoomId::generate(), 2);
    let followers = live(&room);
    let mut told = room.order().offer(said(&room, 1));
    told.sort_unstable();
    assert_eq!(told, [0, 1]);
    assert!(room.order().offer(said(&room, 2)).is_empty(), "they know already");

    assert!(write(&room, 0) > 1, "others have a turn in between");
    assert_eq!(write(&room, 0), 0, "nothing is new");
    let given: usize = waiting(&followers).into_iter().sum();
    assert_eq!(given, followers.len(), "two each, to every second");
    assert_eq!(room.order().offer(said(&room, 3)), [0], "the other still knows");
    write(&room, 0);
    write(&room, 1);
    let given = waiting(&followers);
    assert!(given.chunks(2).all(|pair| pair[0] + pair[1] == 4), "one and three: {given:?}");
}

#[test]
fn at_the_bound_of_what_waits_for_a_writer_its_followers_fall_behind() {
    let room = Room::new(RoomId::generate(), 2);
    let followers = live(&room);
    for rev in 1..=WAITING_MAX as u64 + 1 {
        room.order().offer(said(&room, rev));
    }
    write(&room, 0);
    write(&room, 1);
    assert!(followers.iter().all(|follower| follower.is_behind()));
    assert!(waiting(&followers).iter().all(|given| *given == 0), "nothing out of turn");
    room.order().offer(said(&room, WAITING_MAX as u64 + 2));
    write(&room, 0);
    assert!(waiting(&followers).iter().all(|given| *given == 0), "nor before they are caught up");
}

#[test]
fn what_one_was_given_already_is_not_given_again() {
    let room = Room::new(RoomId::generate(), 2);
    let followers = live(&room);
    room.order().offer(said(&room, 1));
    room.order().offer(said(&room, 2));
    // As a catch-up leaves it that came before the writer.
    let ahead = &followers[0];
    room.part_of(ahead).get_mut(&ahead.id()).expect("it follows").cursor = Rev(1);
    write(&room, 0);
    write(&room, 1);
    let given = waiting(&followers);
    assert_eq!(given[0], 1);
    assert!(given[1..].iter().all(|given| *given == 2));
}

#[test]
fn a_session_that_has_ended_follows_nothing() {
    let room = Room::new(RoomId::generate(), 2);
    let followers = live(&room);
    for follower in &followers {
        assert_eq!(follower.take_rooms(), [room.id()]);
        room.detach(follower);
        assert_eq!(room.attach(follower, Start::After(Rev::ZERO)), Attached::Ended);
    }
    assert!(room.followers().is_empty());
}
