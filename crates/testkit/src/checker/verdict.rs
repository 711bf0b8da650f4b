//! The invariants, one by one.

use std::collections::{BTreeMap, HashMap, HashSet};

use hubbub_client_protocol::{MessageContent, MessageView};
use hubbub_domain::{ClientId, MessageId, Rev, RoomId, Seq, UserId};
use tokio::time::Instant;

use super::{Breach, ClientLog, Entry};

/// Everything there is to judge.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    pub logs: Vec<ClientLog>,
    /// Where the logs begin in a room, when what was before has been judged already.
    pub before: HashMap<RoomId, Seq>,
    /// Each room as paged out at the end, from there on, oldest first, and its head's revision then.
    pub rooms: BTreeMap<RoomId, (Vec<MessageView>, Rev)>,
    /// Who was a member of a room at any time; nobody else may have seen anything of it.
    pub members: HashMap<RoomId, HashSet<UserId>>,
    /// Who was shut out of a room for a while.
    pub absences: Vec<Absence>,
    /// Where a failover lost the newest messages of a room: the last seq that was left.
    pub kept: HashMap<RoomId, Seq>,
    /// Clients that were connected at the end and had time to catch up.
    pub must_be_current: HashSet<UserId>,
}

/// Somebody is no member of a room from the moment at which their removal was answered, until the
/// request that lets them in again begins.
#[derive(Clone, Debug)]
pub struct Absence {
    pub room: RoomId,
    pub user: UserId,
    pub from: Instant,
    pub until: Option<Instant>,
}

/// Every breach, in order; none is a pass.
pub fn check(evidence: &Evidence) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let sent = Sent::of(evidence);
    for (room, (messages, _)) in &evidence.rooms {
        stored_in_order(*room, evidence.base(room), messages, &mut breaches);
        stored_once(*room, messages, &mut breaches);
        for message in messages {
            sent.was_sent(message, &mut breaches);
        }
    }
    acknowledged_is_stored(evidence, &mut breaches);
    later_is_behind(evidence, &mut breaches);
    for log in &evidence.logs {
        session_in_order(log, &mut breaches);
        shown_is_stored(log, evidence, &sent, &mut breaches);
        nothing_leaked(log, evidence, &mut breaches);
        nothing_after_the_end(log, evidence, &sent, &mut breaches);
        nobody_expelled(log, evidence, &mut breaches);
        caught_up(log, evidence, &mut breaches);
    }
    breaches.sort();
    breaches.dedup();
    breaches
}

impl Evidence {
    /// The last seq of a room that is not judged here.
    fn base(&self, room: &RoomId) -> Seq {
        self.before.get(room).copied().unwrap_or(Seq::ZERO)
    }

    /// A message that a client knows was lost in a failover: its place was lost, and is empty or another's.
    fn was_lost(&self, room: RoomId, seq: Seq, message_id: MessageId) -> bool {
        let beyond = self.kept.get(&room).is_some_and(|kept| seq > *kept);
        beyond && self.stored(room, seq).is_none_or(|stored| stored.message_id != message_id)
    }

    /// What was acknowledged and then lost in a failover.
    pub fn lost(&self) -> usize {
        let acks = self.logs.iter().flat_map(|log| &log.entries).filter(|entry| match entry {
            Entry::Acked { room, appended, .. } => {
                self.was_lost(*room, appended.seq, appended.message_id)
            }
            _ => false,
        });
        acks.count()
    }

    /// A stored message by its place.
    fn stored(&self, room: RoomId, seq: Seq) -> Option<&MessageView> {
        let (messages, _) = self.rooms.get(&room)?;
        let index = seq.0.checked_sub(self.base(&room).0)?.checked_sub(1)?;
        messages.get(usize::try_from(index).ok()?).filter(|message| message.seq == seq)
    }
}

/// What clients say they sent, and when they began to.
struct Sent<'a>(HashMap<(RoomId, &'a UserId, &'a ClientId), (&'a str, Instant)>);

impl<'a> Sent<'a> {
    fn of(evidence: &'a Evidence) -> Self {
        let mut sent = HashMap::new();
        for log in &evidence.logs {
            for entry in &log.entries {
                if let Entry::Sent { at, room, client_id, text } = entry {
                    // A retry with another text is still the first message.
                    sent.entry((*room, &log.user, client_id)).or_insert((text.as_str(), *at));
                }
            }
        }
        Self(sent)
    }

    fn of_message<'s>(&'s self, message: &'s MessageView) -> Option<(&'s str, Instant)> {
        let sent: &'s Sent<'s> = self;
        sent.0.get(&(message.room, &message.sender, &message.client_id)).copied()
    }

    fn was_sent(&self, message: &MessageView, breaches: &mut Vec<Breach>) {
        let MessageContent::Body(body) = &message.content else { return };
        match self.of_message(message) {
            None => breaches.push(Breach::Phantom {
                room: message.room,
                seq: message.seq,
                message_id: message.message_id,
            }),
            Some((text, _)) if text != body.text && message.edited_at.is_none() => {
                breaches.push(Breach::Altered {
                    room: message.room,
                    seq: message.seq,
                    what: "text",
                });
            }
            Some(_) => {}
        }
    }
}

fn stored_in_order(room: RoomId, base: Seq, messages: &[MessageView], breaches: &mut Vec<Breach>) {
    let mut expected = base.next();
    for message in messages {
        if message.seq != expected {
            breaches.push(Breach::StoredGap { room, expected, found: message.seq });
        }
        expected = message.seq.next();
    }
}

fn stored_once(room: RoomId, messages: &[MessageView], breaches: &mut Vec<Breach>) {
    let mut places: HashMap<(&UserId, &ClientId), Seq> = HashMap::new();
    for message in messages {
        let key = (&message.sender, &message.client_id);
        if let Some(first) = places.insert(key, message.seq) {
            breaches.push(Breach::TwoPlaces {
                room,
                sender: message.sender.clone(),
                client_id: message.client_id.clone(),
                seqs: [first, message.seq],
            });
        }
    }
}

fn acknowledged_is_stored(evidence: &Evidence, breaches: &mut Vec<Breach>) {
    for log in &evidence.logs {
        for entry in &log.entries {
            let Entry::Acked { room, client_id, appended, .. } = entry else { continue };
            if !evidence.rooms.contains_key(room)
                || evidence.was_lost(*room, appended.seq, appended.message_id)
            {
                continue;
            }
            let stored = evidence.stored(*room, appended.seq);
            let found = stored.filter(|it| it.client_id == *client_id && it.sender == log.user);
            let Some(stored) = found else {
                let sender = log.user.clone();
                let (room, client_id, seq) = (*room, client_id.clone(), appended.seq);
                breaches.push(Breach::Lost { room, sender, client_id, seq });
                continue;
            };
            if stored.message_id != appended.message_id {
                let (room, seq) = (*room, appended.seq);
                breaches.push(Breach::Altered { room, seq, what: "message_id" });
            }
        }
    }
}

/// An ack that was in hand before another send of the room began has the smaller seq.
fn later_is_behind(evidence: &Evidence, breaches: &mut Vec<Breach>) {
    struct Act<'a> {
        begun: Instant,
        acked: Instant,
        seq: Seq,
        client_id: &'a ClientId,
    }

    let mut rooms: HashMap<RoomId, Vec<Act<'_>>> = HashMap::new();
    for log in &evidence.logs {
        let mut begun: HashMap<&ClientId, Instant> = HashMap::new();
        for entry in &log.entries {
            match entry {
                Entry::Sent { at, client_id, .. } => {
                    begun.entry(client_id).or_insert(*at);
                }
                Entry::Acked { at, room, client_id, appended } => {
                    if evidence.was_lost(*room, appended.seq, appended.message_id) {
                        continue;
                    }
                    if let Some(begun) = begun.get(client_id) {
                        let (begun, acked, seq) = (*begun, *at, appended.seq);
                        let act = Act { begun, acked, seq, client_id };
                        rooms.entry(*room).or_default().push(act);
                    }
                }
                _ => {}
            }
        }
    }
    for (room, mut acts) in rooms {
        let mut by_ack: Vec<usize> = (0..acts.len()).collect();
        acts.sort_by_key(|act| act.begun);
        by_ack.sort_by_key(|index| acts[*index].acked);
        let mut acked = by_ack.into_iter().peekable();
        let mut highest: Option<&Act<'_>> = None;
        for act in &acts {
            while let Some(index) = acked.next_if(|index| acts[*index].acked < act.begun) {
                highest = highest.filter(|it| it.seq > acts[index].seq).or(Some(&acts[index]));
            }
            if let Some(first) = highest.filter(|first| first.seq > act.seq) {
                breaches.push(Breach::Inverted {
                    room,
                    first: first.client_id.clone(),
                    second: act.client_id.clone(),
                    seqs: [first.seq, act.seq],
                });
            }
        }
    }
}

fn session_in_order(log: &ClientLog, breaches: &mut Vec<Breach>) {
    let mut views = log.views.clone();
    for entry in &log.entries {
        match entry {
            Entry::Begun { room, rev } => {
                // A view that was open and begins later has skipped what lies between.
                if let Some(after) = views.insert(*room, *rev).filter(|last| last < rev) {
                    let (user, room, got) = (log.user.clone(), *room, rev.next());
                    breaches.push(Breach::Missed { user, room, after, got });
                }
            }
            Entry::Reset { room, rev } => {
                views.insert(*room, *rev);
            }
            Entry::Left { room } | Entry::Forgotten { room } => {
                views.remove(room);
            }
            Entry::Delivered { room, rev, .. } => {
                let (user, room, rev) = (log.user.clone(), *room, *rev);
                let Some(last) = views.get_mut(&room) else {
                    breaches.push(Breach::Unasked { user, room, rev });
                    continue;
                };
                if rev <= *last {
                    breaches.push(Breach::Repeated { user, room, rev });
                } else if rev > last.next() {
                    breaches.push(Breach::Missed { user, room, after: *last, got: rev });
                }
                *last = rev.max(*last);
            }
            _ => {}
        }
    }
}

/// What a session was shown is what is stored, byte for byte.
fn shown_is_stored(
    log: &ClientLog,
    evidence: &Evidence,
    sent: &Sent<'_>,
    breaches: &mut Vec<Breach>,
) {
    for (index, entry) in log.entries.iter().enumerate() {
        let (Entry::Delivered { message: Some(message), .. } | Entry::Shown { message, .. }) =
            entry
        else {
            continue;
        };
        let (room, seq) = (message.room, message.seq);
        if seq <= evidence.base(&room) {
            continue;
        }
        sent.was_sent(message, breaches);
        if evidence.was_lost(room, seq, message.message_id) {
            // A member was shown it in the order of the room; a page is a look.
            let held = matches!(entry, Entry::Delivered { .. });
            if held && !is_reset(&log.entries[index..], room) {
                breaches.push(Breach::NotReset { user: log.user.clone(), room, seq });
            }
            continue;
        }
        if !evidence.rooms.contains_key(&room) {
            continue;
        }
        let Some(stored) = evidence.stored(room, seq) else {
            breaches.push(Breach::Phantom { room, seq, message_id: message.message_id });
            continue;
        };
        let same = stored.message_id == message.message_id
            && stored.sender == message.sender
            && stored.client_id == message.client_id
            && stored.rev == message.rev
            && stored.created_at == message.created_at;
        if !same {
            breaches.push(Breach::Altered { room, seq, what: "envelope" });
        }
        let unchanged =
            stored.edited_at.is_none() && stored.content != MessageContent::Deleted(true);
        if unchanged && stored.content != message.content {
            breaches.push(Breach::Altered { room, seq, what: "content" });
        }
    }
}

fn is_reset(entries: &[Entry], of: RoomId) -> bool {
    entries.iter().any(|entry| match entry {
        Entry::Reset { room, .. } | Entry::Forgotten { room } => *room == of,
        _ => false,
    })
}

fn nothing_leaked(log: &ClientLog, evidence: &Evidence, breaches: &mut Vec<Breach>) {
    for entry in &log.entries {
        let (room, seq) = match entry {
            Entry::Delivered { room, message, .. } => (*room, message.as_ref().map(|it| it.seq)),
            Entry::Shown { message, .. } => (message.room, Some(message.seq)),
            _ => continue,
        };
        let member = evidence.members.get(&room).is_none_or(|members| members.contains(&log.user));
        if !member {
            breaches.push(Breach::Leaked { user: log.user.clone(), room, seq });
        }
    }
}

/// What was sent after somebody's removal had been answered is not for them.
fn nothing_after_the_end(
    log: &ClientLog,
    evidence: &Evidence,
    sent: &Sent<'_>,
    breaches: &mut Vec<Breach>,
) {
    let absences: Vec<_> = evidence.absences.iter().filter(|it| it.user == log.user).collect();
    if absences.is_empty() {
        return;
    }
    for entry in &log.entries {
        let (Entry::Delivered { at, message: Some(message), .. } | Entry::Shown { at, message }) =
            entry
        else {
            continue;
        };
        let Some((_, begun)) = sent.of_message(message) else { continue };
        let absent = |it: &&&Absence| {
            it.room == message.room && it.from < begun && it.until.is_none_or(|until| *at < until)
        };
        if absences.iter().any(|it| absent(&it)) {
            let (user, room, seq) = (log.user.clone(), message.room, message.seq);
            breaches.push(Breach::Ghost { user, room, seq });
        }
    }
}

/// Only who was shut out may lose a room.
fn nobody_expelled(log: &ClientLog, evidence: &Evidence, breaches: &mut Vec<Breach>) {
    for entry in &log.entries {
        let Entry::Left { room } = entry else { continue };
        let shut_out = evidence.absences.iter().any(|it| it.room == *room && it.user == log.user);
        if !shut_out && evidence.must_be_current.contains(&log.user) {
            breaches.push(Breach::Expelled { user: log.user.clone(), room: *room });
        }
    }
}

fn caught_up(log: &ClientLog, evidence: &Evidence, breaches: &mut Vec<Breach>) {
    if !evidence.must_be_current.contains(&log.user) {
        return;
    }
    for (room, at) in &log.revs {
        if let Some((_, head)) = evidence.rooms.get(room)
            && at < head
        {
            let user = log.user.clone();
            breaches.push(Breach::Stuck { user, room: *room, at: *at, head: *head });
        }
    }
}
