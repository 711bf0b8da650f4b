//! One client's side of the protocol: which namespaces it is in, and what of its packets is still to
//! be done.

use std::{
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    sync::Arc,
};

use hubbub_client_protocol::{
    chat::ConnectRefused,
    socketio::{Body, Decoder, Event, Limits, Packet},
};
use serde_json::{Map, Value};
use smallvec::SmallVec;
use tokio::time::Instant;

use super::{
    Ack, Admitted, Config, Connect, Departure, Namespace, Participant, Refusal, Socket, frames,
};
use crate::{
    edge::Admission,
    engineio::{self, Broken, Message, Opening, Outgoing, Reason, Session},
};

pub struct SocketSession {
    namespaces: Arc<BTreeMap<&'static str, Arc<dyn Namespace>>>,
    outgoing: Outgoing,
    request: Arc<engineio::Request>,
    admission: Arc<Admission>,
    decoder: Decoder,
    /// When the packet came whose attachments are still to come.
    awaiting_since: Option<Instant>,
    config: Config,
    /// None while the client is in some namespace, or asks for one.
    connect_by: Option<Instant>,
    /// One for each namespace it has ever asked for; there are as many as namespaces at most.
    places: SmallVec<[Place; 1]>,
    waiting: VecDeque<Job>,
    /// Of the events that wait.
    waiting_bytes: usize,
    running: Option<Running>,
}

/// The client's standing in one namespace.
struct Place {
    namespace: &'static str,
    standing: Standing,
}

enum Standing {
    /// It asked, and is not in yet.
    Asked,
    Inside(Inside),
    /// It was in. Packets that crossed its departure are ignored.
    Left,
}

#[derive(Clone)]
struct Inside {
    socket: Socket,
    participant: Arc<dyn Participant>,
}

type Running = Pin<Box<dyn Future<Output = Done> + Send>>;

enum Job {
    Connect {
        namespace: &'static str,
        auth: Option<Map<String, Value>>,
    },
    Event {
        namespace: &'static str,
        id: Option<u64>,
        event: Event,
        bytes: usize,
    },
    /// Both sides of a departure wait for what was asked before.
    Disconnect {
        namespace: &'static str,
    },
    Opened(Inside),
    Closed(Inside, Departure),
}

enum Done {
    Connected { namespace: &'static str, outcome: Result<Admitted, Refusal> },
    Nothing,
}

impl SocketSession {
    pub(super) fn new(
        config: &Config,
        namespaces: Arc<BTreeMap<&'static str, Arc<dyn Namespace>>>,
        opening: Opening,
    ) -> Self {
        let limits = Limits {
            attachments_max: config.attachments_max,
            bytes_max: config.packet_bytes_max,
            ..Limits::default()
        };
        Self {
            namespaces,
            outgoing: opening.outgoing,
            request: opening.request,
            admission: opening.admission,
            decoder: Decoder::new(limits),
            awaiting_since: None,
            config: config.clone(),
            connect_by: Some(opening.at + config.connect_timeout),
            places: SmallVec::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            running: None,
        }
    }

    /// Takes a packet of so many bytes.
    fn packet(&mut self, packet: Packet, bytes: usize) -> Result<(), Broken> {
        let Packet { namespace, body } = packet;
        let Some((&namespace, _)) = self.namespaces.get_key_value(&*namespace) else {
            return match body {
                Body::Connect(_) => {
                    self.outgoing.reply(frames::refused(&namespace, "Invalid namespace", None));
                    Ok(())
                }
                _ => Err(Broken("a packet for a namespace the client is not in")),
            };
        };
        if matches!(body, Body::Connect(_)) && !self.may_connect(namespace) {
            return Ok(());
        }
        let standing = self.standing(namespace);
        match (body, standing) {
            (Body::Connect(auth), None | Some(Standing::Left)) => {
                self.note(namespace, Standing::Asked);
                self.connect_by = None;
                self.waiting.push_back(Job::Connect { namespace, auth });
            }
            (Body::Connect(_), Some(_)) => return Err(Broken("the client is in already")),
            (_, None) => return Err(Broken("a packet for a namespace the client is not in")),
            (_, Some(Standing::Left)) | (Body::Ack { .. }, Some(Standing::Asked)) => {}
            (Body::Event { id, event }, Some(_)) => {
                self.waiting_bytes += bytes;
                self.waiting.push_back(Job::Event { namespace, id, event, bytes });
            }
            (Body::Disconnect, Some(_)) => self.waiting.push_back(Job::Disconnect { namespace }),
            (Body::Ack { id, args }, Some(Standing::Inside(inside))) => {
                inside.socket.answered(id, args);
            }
        }
        Ok(())
    }

    /// The first time in each namespace came with the connection. After that the client's address is charged
    /// as for another connection: to come back over an old one is no cheaper.
    fn may_connect(&self, namespace: &'static str) -> bool {
        if !matches!(self.standing(namespace), Some(Standing::Left)) {
            return true;
        }
        let Err(fault) = self.admission.admit_address(self.request.address) else { return true };
        let data = serde_json::to_value(ConnectRefused::from(&fault)).ok();
        self.outgoing.reply(frames::refused(namespace, &fault.message, data.as_ref()));
        false
    }

    fn attachments_by(&self) -> Option<Instant> {
        self.awaiting_since.map(|since| since + self.config.attachments_timeout)
    }

    fn standing(&self, namespace: &str) -> Option<&Standing> {
        let place = self.places.iter().find(|place| place.namespace == namespace);
        place.map(|place| &place.standing)
    }

    /// Notes where the client stands now, and says where it stood.
    fn note(&mut self, namespace: &'static str, standing: Standing) -> Option<Standing> {
        if let Some(place) = self.places.iter_mut().find(|place| place.namespace == namespace) {
            return Some(std::mem::replace(&mut place.standing, standing));
        }
        self.places.push(Place { namespace, standing });
        None
    }

    fn inside(&self) -> impl Iterator<Item = &Inside> {
        self.places.iter().filter_map(|place| match &place.standing {
            Standing::Inside(inside) => Some(inside),
            Standing::Asked | Standing::Left => None,
        })
    }

    /// Takes the client out of a namespace. Its participant hears of it in its turn.
    fn leave(&mut self, namespace: &'static str, departure: Departure) {
        if let Some(Standing::Inside(inside)) = self.note(namespace, Standing::Left) {
            inside.socket.leave();
            self.waiting.push_front(Job::Closed(inside, departure));
        }
        self.note_outside();
    }

    /// The next job's future; what needs no waiting is done at once.
    fn begin_next(&mut self) {
        while self.running.is_none()
            && let Some(job) = self.waiting.pop_front()
        {
            self.running = self.begin(job);
        }
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
    }

    fn begin(&mut self, job: Job) -> Option<Running> {
        match job {
            Job::Connect { namespace, auth } => {
                let door = Arc::clone(self.namespaces.get(namespace)?);
                let socket = Socket::new(namespace, self.outgoing.clone(), self.config.calls_max);
                let request = Arc::clone(&self.request);
                Some(Box::pin(async move {
                    let connect = Connect { socket, auth, request };
                    Done::Connected { namespace, outcome: door.connect(connect).await }
                }))
            }
            Job::Event { namespace, id, event, bytes } => {
                self.waiting_bytes -= bytes;
                let Some(Standing::Inside(inside)) = self.standing(namespace) else { return None };
                let outgoing = inside.socket.outgoing().clone();
                let ack = id.map(|id| Ack { outgoing, namespace, id });
                let participant = Arc::clone(&inside.participant);
                Some(Box::pin(async move {
                    participant.event(event, ack).await;
                    Done::Nothing
                }))
            }
            Job::Disconnect { namespace } => {
                self.leave(namespace, Departure::Client);
                None
            }
            Job::Opened(Inside { participant, .. }) => Some(Box::pin(async move {
                participant.opened().await;
                Done::Nothing
            })),
            Job::Closed(Inside { participant, .. }, departure) => Some(Box::pin(async move {
                participant.closed(departure).await;
                Done::Nothing
            })),
        }
    }

    fn finish(&mut self, done: Done) {
        let Done::Connected { namespace, outcome } = done else { return };
        match outcome {
            Ok(Admitted { socket, participant, pid }) => {
                let frame = frames::connected(namespace, socket.id(), pid.as_deref());
                self.outgoing.reply(frame);
                let inside = Inside { socket, participant };
                self.note(namespace, Standing::Inside(inside.clone()));
                self.waiting.push_front(Job::Opened(inside));
            }
            Err(Refusal { message, data }) => {
                self.outgoing.reply(frames::refused(namespace, &message, data.as_ref()));
                self.note(namespace, Standing::Left);
                self.note_outside();
            }
        }
    }

    /// Who is nowhere any more has as long as at first.
    fn note_outside(&mut self) {
        if self.places.iter().all(|place| matches!(place.standing, Standing::Left)) {
            self.connect_by = Some(Instant::now() + self.config.connect_timeout);
        }
    }

    /// Does one job to its end.
    async fn run(&mut self) {
        if let Some(running) = &mut self.running {
            let done = running.as_mut().await;
            self.running = None;
            self.finish(done);
        }
    }
}

impl Session for SocketSession {
    fn message(&mut self, message: Message<'_>) -> Result<(), Broken> {
        let before = self.decoder.awaiting().map_or(0, |(_, bytes)| bytes);
        let (packet, bytes) = match message {
            Message::Text(text) => (self.decoder.text(text), text.len()),
            Message::Binary(bytes) => {
                let more = bytes.len();
                (self.decoder.binary(bytes), before + more)
            }
        };
        let packet = packet.map_err(|malformed| Broken(malformed.reason()))?;
        // Attachments are gathered for clients that are somewhere.
        if let Some((namespace, _)) = self.decoder.awaiting() {
            if self.standing(namespace).is_none() {
                return Err(Broken("a packet for a namespace the client is not in"));
            }
            self.awaiting_since.get_or_insert_with(Instant::now);
        } else {
            self.awaiting_since = None;
        }
        packet.map_or(Ok(()), |packet| self.packet(packet, bytes))
    }

    fn is_full(&self) -> bool {
        let Config { packets_queued_max, queued_bytes_max, .. } = self.config;
        self.waiting.len() >= packets_queued_max || self.waiting_bytes >= queued_bytes_max
    }

    fn held_bytes(&self) -> usize {
        self.waiting_bytes + self.decoder.awaiting().map_or(0, |(_, bytes)| bytes)
    }

    async fn work(&mut self) {
        self.begin_next();
        if self.running.is_none() {
            return std::future::pending().await;
        }
        self.run().await;
    }

    fn look(&mut self) {
        let leaving: SmallVec<[&'static str; 1]> = self
            .inside()
            .filter(|inside| inside.socket.is_leaving())
            .map(|inside| inside.socket.namespace())
            .collect();
        for namespace in leaving {
            self.outgoing.reply(frames::disconnected(namespace));
            self.leave(namespace, Departure::Server);
        }
        self.inside().for_each(|inside| inside.participant.look());
    }

    fn deadline(&self) -> Option<Instant> {
        let participants = self.inside().filter_map(|inside| inside.participant.deadline());
        participants.chain(self.connect_by).chain(self.attachments_by()).min()
    }

    fn tick(&mut self, now: Instant) -> Result<(), Broken> {
        if self.connect_by.is_some_and(|by| now >= by) {
            return Err(Broken("no namespace within the time allowed"));
        }
        if self.attachments_by().is_some_and(|by| now >= by) {
            return Err(Broken("the attachments of a packet did not come in time"));
        }
        let due = |inside: &&Inside| inside.participant.deadline().is_some_and(|at| now >= at);
        self.inside().filter(due).for_each(|inside| inside.participant.due(now));
        Ok(())
    }

    fn farewell(&mut self, come_back: bool) {
        if !come_back {
            for inside in self.inside() {
                self.outgoing.reply(frames::disconnected(inside.socket.namespace()));
            }
        }
    }

    async fn close(mut self, reason: Reason) {
        loop {
            self.begin_next();
            if self.running.is_none() {
                break;
            }
            self.run().await;
        }
        let places = std::mem::take(&mut self.places);
        for place in places {
            if let Standing::Inside(Inside { socket, participant }) = place.standing {
                socket.leave();
                participant.closed(Departure::Connection(reason)).await;
            }
        }
    }
}
