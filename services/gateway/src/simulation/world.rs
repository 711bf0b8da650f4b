//! One world, from its seed to its end: a storm, a calm in which everybody has to catch up, and an
//! end after which nothing may be left.

use std::{sync::Arc, time::Duration};

use hubbub_domain::{RoomId, SystemClock, SystemNotice, UserId};
use hubbub_runtime::lifecycle::Lifecycle;
use parking_lot::Mutex;
use tokio::{
    runtime::{Builder, Handle},
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::{
    backend::Backend,
    bus::{Ear, Wires},
    client::{Client, Diary, Phase, Surroundings},
    dice::{self, Dice},
    faults::Faults,
    judge,
    planted::{Bug, Planted},
    trace::{Record, Trace},
};
use crate::{
    config::Config,
    core::Core,
    server::{Foundation, assemble},
};

const USERS: usize = 5;
const ROOMS: usize = 3;
/// What everybody has to catch up in once nothing goes wrong any more: longer than the slowest safety
/// net (heads are compared every 20 seconds here) and a few attempts.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(90);
/// What a gateway keeps for a while after the last session has to be gone then.
const FORGOTTEN_WITHIN: Duration = Duration::from_mins(1);

/// Runs the world of a seed on this thread.
pub(super) fn run(seed: u64, bug: Option<Bug>, written: bool) -> Record {
    let _planted = Planted::new(bug);
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O").block_on(World::run(seed, written))
}

struct World {
    dice: Dice,
    backend: Arc<Backend>,
    trace: Arc<Trace>,
    faults: Arc<Faults>,
    gateways: Vec<Gateway>,
    clients: Vec<(UserId, Arc<Mutex<Diary>>)>,
    rooms: Arc<[RoomId]>,
}

struct Gateway {
    core: Arc<Core>,
    ear: Arc<Ear>,
    lifecycle: Lifecycle,
}

impl World {
    async fn run(seed: u64, written: bool) -> Record {
        let dice = Dice::new(seed);
        let trace = Arc::new(Trace::new(written));
        let faults = Arc::new(Faults::new(dice.fork()));
        let tasks = TaskTracker::new();
        let wires = Wires { dice: dice.fork(), faults: Arc::clone(&faults), tasks: tasks.clone() };
        let backend = Backend::new(wires, Arc::clone(&trace));
        let rooms = (0..ROOMS)
            .map(|_| RoomId::from_uuid(Uuid::from_u64_pair(dice.number(), dice.number())))
            .collect();
        let config = config(&dice);
        let gateways = (0..2 + dice.below(2)).map(|_| Gateway::start(&config, &backend)).collect();
        let mut world = Self { dice, backend, trace, faults, gateways, clients: vec![], rooms };
        world.found();
        let (phase, phases) = watch::channel(Phase::Storm);
        let mut clients = world.send_in(&phases);
        drop(phases);

        world.storm().await;
        phase.send_replace(Phase::Calm);
        world.catch_up("after the storm").await;
        for room in world.rooms.iter() {
            world.backend.tell(*room, SystemNotice::Announced { text: "calm".into() });
        }
        world.catch_up("after the last word").await;
        world.nobody_else_hears();
        phase.send_replace(Phase::Over);
        while let Some(ended) = clients.join_next().await {
            if let Err(error) = ended {
                world.trace.breach(format!("a client failed: {error}"));
            }
        }
        judge::judge(&world.backend, &world.trace, &world.clients, &world.rooms);
        world.end(&tasks).await
    }

    /// Rooms with some history, and members.
    fn found(&self) {
        for room in self.rooms.iter() {
            for user in users().iter() {
                if self.dice.chance(0.7) {
                    self.backend.store.lock().admit(user, *room);
                }
            }
            for _ in 0..self.dice.below(50) {
                self.backend.tell(*room, SystemNotice::Announced { text: "before".into() });
            }
        }
    }

    /// One client for each user; the first has another device.
    fn send_in(&mut self, phases: &watch::Receiver<Phase>) -> JoinSet<()> {
        let around = Surroundings {
            gateways: self.gateways.iter().map(|gateway| Arc::clone(&gateway.core)).collect(),
            backend: Arc::clone(&self.backend),
            trace: Arc::clone(&self.trace),
            phase: phases.clone(),
            users: users(),
            rooms: Arc::clone(&self.rooms),
        };
        let mut tasks = JoinSet::new();
        for (number, user) in users().iter().chain(users().first()).enumerate() {
            let client = Client::new(user.clone(), number, around.clone(), self.dice.fork());
            self.clients.push((user.clone(), client.diary()));
            tasks.spawn(client.run());
        }
        tasks
    }

    async fn storm(&self) {
        self.dice.pause(2_000..8_000).await;
        if self.dice.chance(0.2) {
            let known = self.dice.chance(0.5);
            let mut store = self.backend.store.lock();
            if known {
                store.fail_over();
            } else {
                store.epoch += 1;
            }
            drop(store);
            self.trace.note(format_args!("another epoch; the one before is known: {known}"));
        }
        self.dice.pause(2_000..8_000).await;
        self.faults.calm_down();
        self.trace.note(format_args!("calm"));
    }

    /// Waits until everybody has what there is.
    async fn catch_up(&self, when: &str) {
        let end = Instant::now() + CATCH_UP_WITHIN;
        // An envelope that is still on its way is not yet missed.
        sleep(Duration::from_secs(4)).await;
        loop {
            let late = judge::late(&self.backend, &self.clients, &self.rooms);
            if late.is_empty() {
                return;
            }
            if Instant::now() > end {
                for who in late {
                    self.trace.breach(format!("{when} {who}"));
                }
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Whoever is not a member follows nothing, now that everybody could know.
    fn nobody_else_hears(&self) {
        for (user, diary) in &self.clients {
            for room in diary.lock().log.revs.keys() {
                if !self.backend.store.lock().is_member(user, *room) {
                    self.trace.breach(format!("{user} follows {room} and is no member"));
                }
            }
        }
    }

    async fn end(self, tasks: &TaskTracker) -> Record {
        let Self { trace, gateways, backend, clients, .. } = self;
        let end = Instant::now() + FORGOTTEN_WITHIN;
        while Instant::now() < end && gateways.iter().any(|gateway| !gateway.is_empty()) {
            sleep(Duration::from_millis(500)).await;
        }
        for gateway in gateways {
            gateway.stop(&trace).await;
        }
        drop((backend, clients));
        tasks.close();
        tasks.wait().await;
        // Tasks that only have to be told that they are over.
        sleep(Duration::from_secs(1)).await;
        let left = Handle::current().metrics().num_alive_tasks();
        if left > 0 {
            trace.breach(format!("{left} tasks are left"));
        }
        trace.record()
    }
}

impl Gateway {
    fn start(config: &Config, backend: &Arc<Backend>) -> Self {
        let (subscriber, ear) = backend.bus.subscribe();
        let lifecycle = Lifecycle::new(Duration::from_secs(5));
        let clock = Arc::new(SystemClock);
        let foundation = Foundation {
            node: "simulated".into(),
            // What is told of presence and typing is no part of these worlds.
            bus: hubbub_bus::local(),
            state: hubbub_ephemeral::local(clock.clone()),
            subscriber,
            backends: backend.handles(),
            clock,
            jitter: dice::jitter(),
        };
        let (core, background) = assemble(config.clone(), foundation, &lifecycle);
        background.run(&core, &lifecycle.behind());
        Self { core, ear, lifecycle }
    }

    fn is_empty(&self) -> bool {
        let Core { hub, users, sessions, .. } = &*self.core;
        (sessions.count(), hub.held(), users.held(), self.ear.topics()) == (0, (0, 0), (0, 0), 0)
    }

    async fn stop(self, trace: &Trace) {
        let Self { core, ear, lifecycle } = self;
        let Core { hub, users, sessions, .. } = &*core;
        let left = (sessions.count(), hub.held(), users.held(), ear.topics());
        if left != (0, (0, 0), (0, 0), 0) {
            trace.breach(format!(
                "left behind: sessions, (rooms, tasks), (users, tasks), topics: {left:?}"
            ));
        }
        drop(core);
        lifecycle.drain_all();
        if let Err(failure) = lifecycle.wait().await {
            trace.breach(failure.to_string());
        }
    }
}

fn users() -> Arc<[UserId]> {
    (0..USERS).map(|n| UserId::parse(&format!("user{n}")).expect("valid")).collect()
}

/// Small bounds and short times, so that everything that has one meets it.
fn config(dice: &Dice) -> Config {
    let mut config = Config::default();
    config.session.outbox_bytes_max = *dice.pick(&[2_000, 8_000, 1_000_000]);
    config.hub.catch_up_max = *dice.pick(&[4, 25, 1_000]);
    config.hub.resync_interval = Duration::from_secs(20);
    config.hub.idle_room_kept = *dice.pick(&[Duration::from_secs(1), Duration::from_secs(10)]);
    config.users.check_interval = Duration::from_secs(5);
    // Rates are counted by the real clock, in which all of a world happens at once.
    config.users.openings_burst = std::num::NonZeroU32::MAX;
    config.users.idle_user_kept = *dice.pick(&[Duration::from_secs(1), Duration::from_secs(10)]);
    config
}
