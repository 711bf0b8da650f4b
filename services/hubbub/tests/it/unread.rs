//! Unread and mentions in the chat list, against a recount from the messages themselves: on all of a
//! user's devices, whatever was sent, read, deleted and edited; and after having been away.

use rand::{
    RngExt as _, SeedableRng as _,
    rngs::StdRng,
    seq::{IndexedMutRandom as _, IndexedRandom as _},
};
use serde_json::{Value, json};

use crate::{
    line::Line,
    world::{World, in_both_worlds},
};

in_both_worlds! {
    three_devices_count_as_a_recount_does,
    what_came_while_away_is_there_on_the_other_gateway,
}

/// Rooms, each with another seed, and steps in each.
const SEEDS: u64 = 6;
const STEPS: usize = 30;

/// Everybody who does something, and the room they do it in.
struct Scene {
    /// Of alice.
    devices: Vec<Line>,
    others: Vec<(&'static str, Line)>,
    room: Value,
    /// How far alice has read, by her own words and messages.
    read: u64,
    sent: u64,
    random: StdRng,
}

async fn three_devices_count_as_a_recount_does(world: &World) {
    let devices = vec![
        world.line("alice", 0).await,
        world.line("alice", 1).await,
        world.line("alice", 1).await,
    ];
    let others = vec![("bob", world.line("bob", 0).await), ("carol", world.line("carol", 1).await)];
    let (room, random) = (Value::Null, StdRng::seed_from_u64(0));
    let mut scene = Scene { devices, others, room, read: 0, sent: 0, random };
    for seed in 0..SEEDS {
        scene.enter(seed).await;
        for step in 0..STEPS {
            let done = scene.step().await;
            scene.compare(&format!("seed {seed}, step {step}: {done}")).await;
        }
    }
    // A device that comes new counts the same.
    let (_, welcome) = world.welcomed("alice", 0, Value::Null).await;
    let (unread, mentions) = scene.recount().await;
    let rooms = welcome["rooms"].as_array().expect("a list");
    let told = rooms.iter().find(|told| told["room"] == scene.room).expect("it is there");
    assert_eq!((&told["unread"], &told["mentions"]), (&json!(unread), &json!(mentions)), "{told}");
}

impl Scene {
    /// Into a room of its own, made by bob.
    async fn enter(&mut self, seed: u64) {
        let create = json!({"type": "create_room", "name": "tea", "members": ["alice", "carol"]});
        self.room = self.others[0].1.ask(create).await["ok"]["room"].clone();
        for line in &mut self.devices {
            while line.event("joined").await["room"] != self.room {}
        }
        let carol = &mut self.others[1].1;
        while carol.event("joined").await["room"] != self.room {}
        (self.read, self.sent, self.random) = (0, 0, StdRng::seed_from_u64(seed));
    }

    /// Somebody does something; what it was.
    async fn step(&mut self) -> String {
        match self.random.random_range(0..12) {
            0..=4 => self.other_speaks().await,
            5 | 6 => self.alice_speaks().await,
            7 | 8 => self.alice_reads().await,
            9 => self.somebody("delete").await,
            10 => self.somebody("edit").await,
            _ => self.notice().await,
        }
    }

    async fn other_speaks(&mut self) -> String {
        let body = self.body();
        let send = self.send(&body);
        let (name, line) = self.others.choose_mut(&mut self.random).expect("somebody");
        let answer = line.ask(send).await;
        assert!(answer["ok"]["seq"].is_u64(), "{answer}");
        format!("{name} said {body}")
    }

    async fn alice_speaks(&mut self) -> String {
        let send = self.send(&json!({"text": "mine"}));
        let device = self.devices.choose_mut(&mut self.random).expect("a device");
        let seq = device.ask(send).await["ok"]["seq"].as_u64().expect("stored");
        self.read = self.read.max(seq);
        format!("alice said {seq}")
    }

    /// Anything from the first message to the newest: what lies before the marker changes nothing.
    async fn alice_reads(&mut self) -> String {
        let newest = self.messages().await.len() as u64;
        if newest == 0 {
            return "nothing to read".into();
        }
        let seq = self.random.random_range(1..=newest);
        self.read = self.read.max(seq);
        let (unread, mentions) = self.recount().await;
        let read = json!({"type": "read", "room": self.room, "seq": seq});
        let device = self.devices.choose_mut(&mut self.random).expect("a device");
        let answer = device.ask(read).await;
        let page = device.ask(json!({"type": "history", "room": self.room, "limit": 1})).await;
        let (head, rev) = (&page["ok"]["seq"], &page["ok"]["rev"]);
        let wanted = json!({"last_read_seq": self.read, "unread": unread, "mentions": mentions,
            "seq": head, "rev": rev});
        assert_eq!(answer["ok"], wanted, "read {seq}");
        format!("alice read {seq}")
    }

    /// A sender deletes or edits a message that is still there.
    async fn somebody(&mut self, what: &str) -> String {
        let messages = self.messages().await;
        let said: Vec<&Value> = messages.iter().filter(|it| it.get("body").is_some()).collect();
        let Some(message) = said.choose(&mut self.random) else { return "nothing there".into() };
        let seq = &message["seq"];
        let mut request = json!({"type": what, "room": self.room, "seq": seq});
        if what == "edit" {
            request["body"] = self.body();
        }
        let line = match message["sender"].as_str() {
            Some("alice") => self.devices.first_mut(),
            Some("bob") => self.others.first_mut().map(|(_, line)| line),
            _ => self.others.last_mut().map(|(_, line)| line),
        };
        let answer = line.expect("somebody").ask(request).await;
        assert!(answer["ok"]["rev"].is_u64(), "{answer}");
        format!("{what} of {seq}")
    }

    async fn notice(&mut self) -> String {
        let topic = format!("topic {}", self.random.random::<u32>());
        let update = json!({"type": "update_room", "room": self.room, "topic": topic});
        let answer = self.others[0].1.ask(update).await;
        assert_eq!(answer["ok"]["topic"], topic, "{answer}");
        topic
    }

    fn send(&mut self, body: &Value) -> Value {
        self.sent += 1;
        let client_id = format!("{}", self.sent);
        json!({"type": "send", "room": self.room, "client_id": client_id, "body": body})
    }

    /// Mentions nobody, somebody else, or alice.
    fn body(&mut self) -> Value {
        let mentions: &[&str] = match self.random.random_range(0..4) {
            0 => &["alice"],
            1 => &["carol", "alice", "alice"],
            2 => &["bob"],
            _ => &[],
        };
        json!({"text": "words", "mentions": mentions})
    }

    /// What the room holds, oldest first: never more than a page.
    async fn messages(&mut self) -> Vec<Value> {
        let history = json!({"type": "history", "room": self.room, "limit": 100});
        let page = self.others[0].1.ask(history).await;
        assert_eq!(page["ok"]["has_more"], false, "{page}");
        page["ok"]["messages"].as_array().expect("a list").clone()
    }

    /// Unread and mentions by the messages themselves.
    async fn recount(&mut self) -> (usize, usize) {
        let read = self.read;
        let unread = |it: &&Value| it["seq"].as_u64() > Some(read) && it.get("body").is_some();
        let messages = self.messages().await;
        let unread: Vec<&Value> = messages.iter().filter(unread).collect();
        let names = |it: &&&Value| {
            let mentions = it["body"]["mentions"].as_array();
            mentions.is_some_and(|mentions| mentions.contains(&json!("alice")))
        };
        (unread.len(), unread.iter().filter(names).count())
    }

    async fn compare(&mut self, after: &str) {
        let (unread, mentions) = self.recount().await;
        for (number, device) in self.devices.iter_mut().enumerate() {
            let chats = device.ask(json!({"type": "chats"})).await;
            let chats = chats["ok"]["chats"].as_array().expect("a list");
            let chat = chats.iter().find(|chat| chat["room"] == self.room).expect("it is there");
            let told = (&chat["unread"], &chat["mentions"], &chat["last_read_seq"]);
            let wanted = (&json!(unread), &json!(mentions), &json!(self.read));
            assert_eq!(told, wanted, "device {number} after {after}");
        }
    }
}

async fn what_came_while_away_is_there_on_the_other_gateway(world: &World) {
    let mut alice = world.line("alice", 0).await;
    let (mut bob, welcome) = world.welcomed("bob", 0, Value::Null).await;
    let epoch = welcome["epoch"].clone();
    let opened = alice.ask(json!({"type": "open_direct", "peer": "bob"})).await;
    let room = opened["ok"]["room"].clone();
    bob.event("joined").await;
    let send = |n: u64| {
        let body = json!({"text": format!("message {n}")});
        json!({"type": "send", "room": room, "client_id": n.to_string(), "body": body})
    };
    alice.ask(send(1)).await;
    let seen = bob.event("message").await["rev"].clone();
    bob.ask(json!({"type": "read", "room": room, "seq": 1})).await;
    drop(bob);

    // Four more, one taken back, one made better.
    for n in 2..=5 {
        assert_eq!(alice.ask(send(n)).await["ok"]["seq"], n);
    }
    alice.ask(json!({"type": "delete", "room": room, "seq": 3})).await;
    let better = json!({"type": "edit", "room": room, "seq": 5, "body": {"text": "better"}});
    assert_eq!(alice.ask(better).await["ok"]["rev"], 7);

    let id = room.as_str().expect("an id");
    let resume = json!({"epoch": epoch, "rooms": {id: seen}});
    let (mut bob, welcome) = world.welcomed("bob", 1, resume).await;
    let told = &welcome["rooms"][0];
    let wanted = (&json!(5), &json!(3), &json!(1));
    assert_eq!((&told["seq"], &told["unread"], &told["last_read_seq"]), wanted, "{welcome}");
    let mut revs = Vec::new();
    while revs.last() != Some(&json!(7)) {
        let event = bob.hear().await;
        if event["room"] == room && event["rev"].is_u64() {
            revs.push(event["rev"].clone());
        }
    }
    assert_eq!(revs, (2..=7).map(|rev| json!(rev)).collect::<Vec<_>>(), "in order, none missing");
    let chats = bob.ask(json!({"type": "chats"})).await;
    let chat = &chats["ok"]["chats"][0];
    assert_eq!((&chat["unread"], &chat["peer"]), (&json!(3), &json!("alice")), "{chats}");
    assert_eq!(chat["last_message"]["body"]["text"], "better", "{chats}");
    let read = bob.ask(json!({"type": "read", "room": room, "seq": 4})).await;
    assert_eq!(read["ok"]["unread"], 1, "{read}");
}
