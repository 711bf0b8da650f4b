//! A room whose writers come when the test lets them.

use std::sync::Arc;

use hubbub_domain::{Rev, RoomId, SystemNotice, UserId};

use super::{Attached, Epoch, Room, Start, TURN};
use crate::{
    hub::{
        encoded::{Encoded, Live, sample::told},
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
        assert_eq!(room.attach(follower, Start::After(Rev::ZERO, Epoch::UNKNOWN)), Attached::Here);
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
    let room = Room::new(RoomId::generate(), 2, Epoch::UNKNOWN);
    let followers = live(&room);
    assert_eq!(room.order().offer(said(&room, 1)).writers, vec![0, 1]);
    assert_eq!(
        room.order().offer(said(&room, 2)).writers,
        Vec::<usize>::new(),
        "they know already"
    );

    assert!(write(&room, 0) > 1, "others have a turn in between");
    assert_eq!(write(&room, 0), 0, "nothing is new");
    let given: usize = waiting(&followers).into_iter().sum();
    assert_eq!(given, followers.len(), "two each, to every second");
    assert_eq!(room.order().offer(said(&room, 3)).writers, vec![0], "the other knows");
    write(&room, 0);
    write(&room, 1);
    let given = waiting(&followers);
    assert!(given.chunks(2).all(|pair| pair[0] + pair[1] == 4), "one and three: {given:?}");
}

#[test]
fn at_the_bound_of_what_waits_for_a_writer_its_followers_fall_behind() {
    let room = Room::new(RoomId::generate(), 2, Epoch::UNKNOWN);
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
    let room = Room::new(RoomId::generate(), 2, Epoch::UNKNOWN);
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
    let room = Room::new(RoomId::generate(), 2, Epoch::UNKNOWN);
    let followers = live(&room);
    for follower in &followers {
        assert_eq!(follower.take_rooms(), [room.id()]);
        room.detach(follower);
        assert_eq!(room.attach(follower, Start::After(Rev::ZERO, Epoch::UNKNOWN)), Attached::Ended);
    }
    assert!(room.followers().is_empty());
}

const OLD: Epoch = Epoch::of_tag(1);
const NEW: Epoch = Epoch::of_tag(2);

/// A change of an epoch.
fn said_in(room: &Room, epoch: Epoch, rev: u64) -> Vec<Live> {
    let notice = SystemNotice::Announced { text: "x".into() };
    let change = told(room.id(), rev, notice).change().clone();
    vec![Encoded::new((room.id(), epoch), change).into()]
}

fn cursor(room: &Room, session: &Session) -> Rev {
    room.part_of(session)[&session.id()].cursor
}

fn anew(room: &Room, session: &Session) -> bool {
    room.part_of(session)[&session.id()].anew
}

/// A room that has come to revision 8, of which one follower was given three changes and the others all.
fn told_eight() -> (Room, Vec<Arc<Session>>) {
    let room = Room::new(RoomId::generate(), 2, OLD);
    let followers = live(&room);
    for rev in 1..=8 {
        room.order().offer(said_in(&room, OLD, rev));
    }
    write(&room, 0);
    write(&room, 1);
    room.part_of(&followers[0]).get_mut(&followers[0].id()).expect("it follows").cursor = Rev(3);
    waiting(&followers);
    (room, followers)
}

#[test]
fn after_a_fork_who_was_given_less_continues_and_who_was_given_more_is_reset() {
    let (room, followers) = told_eight();
    // The new epoch is heard of first: nothing of it is taken for what the room has.
    let mixed = [said_in(&room, OLD, 9), said_in(&room, NEW, 4)].concat();
    assert!(room.order().offer(mixed).elsewhere);
    assert_eq!(room.order().last(), Some(Rev(9)), "what belongs here has its place");
    assert!(room.order().offer(said_in(&room, NEW, 4)).elsewhere);
    assert!(room.order().offer(said_in(&room, NEW, 9)).elsewhere);
    room.fork(NEW, Some(Rev(3)));
    assert!(!anew(&room, &followers[0]));
    assert!(followers[1..].iter().all(|session| anew(&room, session)));
    assert!(!followers[0].is_behind(), "it stands where the room forked");
    assert_eq!(room.order().last(), Some(Rev(3)));
    assert!(room.order().begin_repair(), "what was heard of early has to be fetched");

    // A straggler of the old epoch has no place any more.
    assert!(room.order().offer(said_in(&room, OLD, 4)).elsewhere);
    room.order().offer(said_in(&room, NEW, 4));
    write(&room, 0);
    write(&room, 1);
    let given = waiting(&followers);
    assert_eq!(given[0], 1);
    assert!(given[1..].iter().all(|given| *given == 0), "not before the reset");
    assert_eq!(cursor(&room, &followers[0]), Rev(4));
}

#[test]
fn a_fork_beyond_what_the_room_has_changes_nothing() {
    let (room, followers) = told_eight();
    room.part_of(&followers[0]).get_mut(&followers[0].id()).expect("it follows").cursor = Rev(8);
    room.fork(NEW, Some(Rev(20)));
    assert_eq!(room.order().last(), Some(Rev(8)));
    assert!(room.order().ring.after(Rev(2)).is_some(), "the ring is kept");
    assert!(!followers.iter().any(|session| anew(&room, session)));
}

#[test]
fn news_of_the_epoch_before_are_not_given_after_a_fork() {
    let (room, followers) = told_eight();
    room.order().offer(said_in(&room, OLD, 9));
    let stale = room.order().take_news(0).expect("news");
    room.fork(NEW, Some(Rev(8)));
    assert_eq!(room.give(0, &stale, None).given, 0);
    assert!(waiting(&followers).iter().all(|given| *given == 0));
}

#[test]
fn nothing_of_an_unknown_epoch_holds() {
    let (room, followers) = told_eight();
    room.fork(NEW, None);
    assert!(followers.iter().all(|session| anew(&room, session)));
    assert!(room.order().ring.after(Rev(7)).is_none());
}

#[test]
fn a_revision_of_another_epoch_is_no_place_to_continue_from() {
    let (room, followers) = told_eight();
    let session = &followers[0];
    room.detach(session);
    assert_eq!(room.attach(session, Start::After(Rev(3), NEW)), Attached::Here);
    assert!(anew(&room, session));
}
