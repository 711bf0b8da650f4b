//! A clean run passes; each planted bug is caught and named.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use hubbub_client_protocol::{Appended, MessageContent, MessageView};
use hubbub_domain::{Body, ClientId, MessageId, Rev, RoomId, Seq, Timestamp, UserId};
use tokio::time::Instant;

use super::{Absence, Breach, ClientLog, Entry, Evidence, check};

const MESSAGES: u64 = 100;

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a user id")
}

fn client_id(number: u64) -> ClientId {
    ClientId::parse(&format!("c-{number}")).expect("a client id")
}

/// Alice sends a hundred messages, one after the other; she and bob see them all.
fn clean() -> (Evidence, RoomId) {
    let room = RoomId::generate();
    let start = Instant::now();
    let mut alice = ClientLog::new(user("alice"));
    let mut bob = ClientLog::new(user("bob"));
    let mut stored = Vec::new();
    for log in [&mut alice, &mut bob] {
        log.entries.push(Entry::Begun { room, rev: Rev::ZERO });
    }
    for number in 1..=MESSAGES {
        let text = format!("text {number}");
        let message = MessageView {
            room,
            seq: Seq(number),
            rev: Rev(number),
            message_id: MessageId::generate(),
            sender: user("alice"),
            client_id: client_id(number),
            created_at: Timestamp::from_micros(i64::try_from(number).expect("small")),
            edited_at: None,
            content: MessageContent::Body(Body::text(&text)),
            reactions: vec![],
        };
        let at = start + Duration::from_millis(2 * number);
        alice.entries.push(Entry::Sent { at, room, client_id: client_id(number), text });
        alice.entries.push(Entry::Acked {
            at: at + Duration::from_millis(1),
            room,
            client_id: client_id(number),
            appended: Appended {
                seq: message.seq,
                rev: message.rev,
                message_id: message.message_id,
                created_at: message.created_at,
                duplicate: false,
            },
        });
        for log in [&mut alice, &mut bob] {
            let message = Some(Box::new(message.clone()));
            log.entries.push(Entry::Delivered { at, room, rev: Rev(number), message });
            log.revs.insert(room, Rev(number));
        }
        stored.push(message);
    }
    let everybody = HashSet::from([user("alice"), user("bob")]);
    let evidence = Evidence {
        logs: vec![alice, bob],
        rooms: BTreeMap::from([(room, (stored, Rev(MESSAGES)))]),
        members: HashMap::from([(room, everybody.clone())]),
        before: HashMap::new(),
        absences: Vec::new(),
        kept: HashMap::new(),
        must_be_current: everybody,
    };
    (evidence, room)
}

/// Where bob is shown a message.
fn delivery(evidence: &Evidence, number: u64) -> usize {
    evidence.logs[1]
        .entries
        .iter()
        .position(|entry| matches!(entry, Entry::Delivered { rev, .. } if *rev == Rev(number)))
        .expect("delivered")
}

fn planted(bug: impl FnOnce(&mut Evidence, RoomId)) -> Vec<Breach> {
    let (mut evidence, room) = clean();
    bug(&mut evidence, room);
    check(&evidence)
}

fn caught(breaches: &[Breach], kind: impl Fn(&Breach) -> bool) {
    assert!(breaches.iter().any(kind), "{breaches:?}");
}

#[test]
fn a_clean_run_passes() {
    assert_eq!(planted(|_, _| ()), []);
}

#[test]
fn a_dropped_delivery() {
    let breaches = planted(|evidence, _| {
        let index = delivery(evidence, 50);
        evidence.logs[1].entries.remove(index);
    });
    caught(&breaches, |it| matches!(it, Breach::Missed { after: Rev(49), got: Rev(51), .. }));
}

#[test]
fn a_delivery_dropped_at_the_end() {
    let breaches = planted(|evidence, room| {
        let index = delivery(evidence, MESSAGES);
        evidence.logs[1].entries.remove(index);
        evidence.logs[1].revs.insert(room, Rev(MESSAGES - 1));
    });
    caught(&breaches, |it| matches!(it, Breach::Stuck { .. }));
}

#[test]
fn a_repeated_delivery() {
    let breaches = planted(|evidence, _| {
        let index = delivery(evidence, 50);
        let entry = evidence.logs[1].entries[index].clone();
        evidence.logs[1].entries.insert(index, entry);
    });
    caught(&breaches, |it| matches!(it, Breach::Repeated { rev: Rev(50), .. }));
}

#[test]
fn two_deliveries_swapped() {
    let breaches = planted(|evidence, _| {
        let index = delivery(evidence, 50);
        evidence.logs[1].entries.swap(index, index + 1);
    });
    caught(&breaches, |it| matches!(it, Breach::Missed { .. }));
    caught(&breaches, |it| matches!(it, Breach::Repeated { .. }));
}

#[test]
fn a_phantom() {
    let breaches = planted(|evidence, _| {
        let sent = evidence.logs[0]
            .entries
            .iter()
            .position(
                |entry| matches!(entry, Entry::Sent { client_id: id, .. } if *id == client_id(50)),
            )
            .expect("sent");
        evidence.logs[0].entries.remove(sent);
    });
    caught(&breaches, |it| matches!(it, Breach::Phantom { seq: Seq(50), .. }));
}

#[test]
fn a_reused_seq() {
    let breaches = planted(|evidence, room| {
        let (stored, _) = evidence.rooms.get_mut(&room).expect("the room");
        stored[50].seq = Seq(50);
    });
    caught(&breaches, |it| matches!(it, Breach::StoredGap { .. }));
}

#[test]
fn an_early_ack() {
    let breaches = planted(|evidence, room| {
        let (stored, head) = evidence.rooms.get_mut(&room).expect("the room");
        stored.pop();
        *head = Rev(MESSAGES - 1);
    });
    caught(&breaches, |it| matches!(it, Breach::Lost { seq: Seq(MESSAGES), .. }));
}

#[test]
fn one_client_id_stored_twice() {
    let breaches = planted(|evidence, room| {
        let (stored, _) = evidence.rooms.get_mut(&room).expect("the room");
        stored[50].client_id = client_id(50);
    });
    caught(&breaches, |it| matches!(it, Breach::TwoPlaces { seqs: [Seq(50), Seq(51)], .. }));
}

#[test]
fn a_leak() {
    let breaches = planted(|evidence, room| {
        evidence.members.insert(room, HashSet::from([user("alice")]));
    });
    caught(&breaches, |it| matches!(it, Breach::Leaked { user: who, .. } if *who == user("bob")));
}

#[test]
fn an_altered_byte() {
    let breaches = planted(|evidence, _| {
        let index = delivery(evidence, 50);
        if let Entry::Delivered { message: Some(message), .. } =
            &mut evidence.logs[1].entries[index]
        {
            message.content = MessageContent::Body(Body::text("Text 50"));
        }
    });
    caught(&breaches, |it| matches!(it, Breach::Altered { seq: Seq(50), .. }));
}

#[test]
fn places_out_of_turn() {
    let breaches = planted(|evidence, room| {
        let (stored, _) = evidence.rooms.get_mut(&room).expect("the room");
        let ids = [stored[49].clone(), stored[50].clone()];
        for (index, from) in [(49, &ids[1]), (50, &ids[0])] {
            let place = &mut stored[index];
            place.client_id = from.client_id.clone();
            place.message_id = from.message_id;
            place.content = from.content.clone();
        }
        for entry in &mut evidence.logs[0].entries {
            if let Entry::Acked { client_id: id, appended, .. } = entry {
                if *id == client_id(50) {
                    appended.seq = Seq(51);
                } else if *id == client_id(51) {
                    appended.seq = Seq(50);
                }
            }
        }
    });
    caught(&breaches, |it| matches!(it, Breach::Inverted { seqs: [Seq(51), Seq(50)], .. }));
}

#[test]
fn a_ghost_after_leaving() {
    let breaches = planted(|evidence, room| {
        let index = delivery(evidence, 50);
        evidence.logs[1].entries.insert(index, Entry::Left { room });
    });
    caught(&breaches, |it| matches!(it, Breach::Unasked { rev: Rev(50), .. }));
}

#[test]
fn a_ghost_that_was_never_told_to_leave() {
    let breaches = planted(|evidence, room| {
        let from = sent_at(evidence, 50) + Duration::from_micros(1);
        evidence.absences.push(Absence { room, user: user("bob"), from, until: None });
    });
    caught(&breaches, |it| matches!(it, Breach::Ghost { seq: Seq(51), .. }));
    assert!(!breaches.iter().any(|it| matches!(it, Breach::Ghost { seq: Seq(50), .. })));
}

#[test]
fn who_is_let_in_again_may_read_what_was_said_meanwhile() {
    let breaches = planted(|evidence, room| {
        let from = sent_at(evidence, 50) + Duration::from_micros(1);
        // Everything was delivered at the moment it was sent: bob was let in before.
        evidence.absences.push(Absence { room, user: user("bob"), from, until: Some(from) });
    });
    assert_eq!(breaches, []);
}

#[test]
fn a_view_that_skips() {
    let breaches = planted(|evidence, room| {
        let index = delivery(evidence, 50);
        evidence.logs[1].entries[index] = Entry::Begun { room, rev: Rev(50) };
    });
    caught(&breaches, |it| matches!(it, Breach::Missed { after: Rev(49), got: Rev(51), .. }));
}

#[test]
fn a_member_thrown_out() {
    let breaches = planted(|evidence, room| {
        evidence.logs[1].entries.push(Entry::Left { room });
    });
    caught(&breaches, |it| matches!(it, Breach::Expelled { .. }));
}

#[test]
fn one_delivery_in_ten_thousand_dropped() {
    // A hundred rooms of a hundred messages, and one of ten thousand deliveries is missing.
    for unlucky in 0..100 {
        let breaches = planted(|evidence, _| {
            if unlucky == 37 {
                let index = delivery(evidence, 63);
                evidence.logs[1].entries.remove(index);
            }
        });
        assert_eq!(breaches.len(), usize::from(unlucky == 37), "{breaches:?}");
    }
}

#[test]
fn a_log_taken_in_pieces_is_judged_like_the_whole() {
    let (mut evidence, room) = clean();
    let later = evidence.clone();
    for log in &mut evidence.logs {
        let half = log.entries.iter().position(|entry| begins(entry, 51)).expect("sent to both");
        log.entries.truncate(half);
    }
    let (stored, _) = evidence.rooms.get_mut(&room).expect("the room");
    stored.truncate(50);
    evidence.must_be_current.clear();
    assert_eq!(check(&evidence), []);

    let mut evidence = later;
    for log in &mut evidence.logs {
        let half = log.entries.iter().position(|entry| begins(entry, 51)).expect("sent to both");
        log.entries.drain(..half);
        log.views.insert(room, Rev(50));
    }
    let (stored, _) = evidence.rooms.get_mut(&room).expect("the room");
    stored.drain(..50);
    evidence.before.insert(room, Seq(50));
    assert_eq!(check(&evidence), []);
    let repeated = evidence.logs[1].entries.len() - 1;
    let last = evidence.logs[1].entries[repeated].clone();
    evidence.logs[1].entries.push(last);
    caught(&check(&evidence), |it| matches!(it, Breach::Repeated { rev: Rev(MESSAGES), .. }));
}

/// The first entry that has to do with a message.
fn begins(entry: &Entry, number: u64) -> bool {
    match entry {
        Entry::Sent { client_id: id, .. } => *id == client_id(number),
        Entry::Delivered { rev, .. } => *rev == Rev(number),
        _ => false,
    }
}

fn sent_at(evidence: &Evidence, number: u64) -> Instant {
    let sent = evidence.logs[0].entries.iter().find_map(|entry| match entry {
        Entry::Sent { at, client_id: id, .. } if *id == client_id(number) => Some(*at),
        _ => None,
    });
    sent.expect("sent")
}

/// After a failover that lost the messages from 91 on, others have their places. Bob was reset.
fn failed_over() -> (Evidence, RoomId) {
    let (mut evidence, room) = clean();
    let (stored, _) = evidence.rooms.get_mut(&room).expect("stored");
    stored.truncate(90);
    evidence.kept.insert(room, Seq(90));
    let again = MessageView {
        message_id: MessageId::generate(),
        client_id: client_id(500),
        ..stored[89].clone()
    };
    let again = MessageView {
        seq: Seq(91),
        rev: Rev(91),
        content: MessageContent::Body(Body::text("text 500")),
        ..again
    };
    stored.push(again.clone());
    evidence.rooms.get_mut(&room).expect("stored").1 = Rev(91);
    let at = Instant::now() + Duration::from_mins(1);
    for log in &mut evidence.logs {
        log.entries.push(Entry::Reset { room, rev: Rev(90) });
        if log.user == user("alice") {
            let text = "text 500".to_owned();
            log.entries.push(Entry::Sent { at, room, client_id: client_id(500), text });
        }
        let message = Some(Box::new(again.clone()));
        log.entries.push(Entry::Delivered { at, room, rev: Rev(91), message });
        log.revs.insert(room, Rev(91));
    }
    (evidence, room)
}

#[test]
fn a_tail_that_a_failover_lost_is_no_breach_for_those_who_were_reset() {
    let (evidence, _) = failed_over();
    assert_eq!(check(&evidence), []);
    assert_eq!(evidence.lost(), 10);
}

#[test]
fn a_client_that_keeps_what_a_failover_lost() {
    let (mut evidence, room) = failed_over();
    // The epoch was not changed: bob is not reset, and takes the new 91 for one he has.
    let bob = &mut evidence.logs[1];
    bob.entries.truncate(bob.entries.len() - 2);
    bob.revs.insert(room, Rev(100));
    let breaches = check(&evidence);
    let kept = |seq| Breach::NotReset { user: user("bob"), room, seq: Seq(seq) };
    assert_eq!(breaches, (91..=100).map(kept).collect::<Vec<_>>());
}

#[test]
fn more_is_lost_than_the_promoted_server_lacked() {
    let (mut evidence, room) = failed_over();
    evidence.kept.insert(room, Seq(95));
    assert!(
        check(&evidence)
            .iter()
            .any(|breach| matches!(breach, Breach::Lost { seq: Seq(91..=95), .. }))
    );
}
