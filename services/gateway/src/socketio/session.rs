//! One client's side of the protocol: which namespaces it is in, and what of its packets is still to
//! be done.

use std::{
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use hubbub_client_protocol::{
    chat::Refused,
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
    packets_queued_max: usize,
    calls_max: usize,
    connect_timeout: Duration,
    /// None while the client is in some namespace, or asks for one.
    connect_by: Option<Instant>,
    /// One for each namespace it has ever asked for; there are as many as namespaces at most.
    places: SmallVec<[Place; 1]>,
    waiting: VecDeque<Job>,
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
    },
    /// Both sides of a departure wait for what was asked before.
    Disconnect {
        namespace: &'static str,
    },
    Opened(Inside),
    Closed(Inside, Departure),
}

enum Done {
    Connected { socket: Socket, outcome: Result<Admitted, Refusal> },
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
            packets_queued_max: config.packets_queued_max,
            calls_max: config.calls_max,
            connect_timeout: config.connect_timeout,
            connect_by: Some(opening.at + config.connect_timeout),
            places: SmallVec::new(),
            waiting: VecDeque::new(),
            running: None,
        }
    }

    fn packet(&mut self, packet: Packet) -> Result<(), Broken> {
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
                self.waiting.push_back(Job::Event { namespace, id, event });
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
        let data = Refused::connect_data(&fault);
        self.outgoing.reply(frames::refused(namespace, &fault.message, Some(&data)));
        false
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
                let socket = Socket::new(namespace, self.outgoing.clone(), self.calls_max);
                let request = Arc::clone(&self.request);
                Some(Box::pin(async move {
                    let connect = Connect { socket: socket.clone(), auth, request };
                    Done::Connected { outcome: door.connect(connect).await, socket }
                }))
            }
            Job::Event { namespace, id, event } => {
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
        let Done::Connected { socket, outcome } = done else { return };
        let namespace = socket.namespace();
        match outcome {
            Ok(Admitted { participant, pid }) => {
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
            self.connect_by = Some(Instant::now() + self.connect_timeout);
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
        let packet = match message {
            Message::Text(text) => self.decoder.text(text),
            Message::Binary(bytes) => self.decoder.binary(bytes),
        };
        let packet = packet.map_err(|malformed| {
            tracing::debug!(%malformed, "a packet was refused");
            Broken("not a packet")
        })?;
        // Nobody gathers attachments who is nowhere.
        if let Some(namespace) = self.decoder.awaiting()
            && self.standing(namespace).is_none()
        {
            return Err(Broken("a packet for a namespace the client is not in"));
        }
        packet.map_or(Ok(()), |packet| self.packet(packet))
    }

    fn is_full(&self) -> bool {
        self.waiting.len() >= self.packets_queued_max
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
        participants.chain(self.connect_by).min()
    }

    fn tick(&mut self, now: Instant) -> Result<(), Broken> {
        if self.connect_by.is_some_and(|by| now >= by) {
            return Err(Broken("no namespace within the time allowed"));
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
