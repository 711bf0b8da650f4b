//! More and more people: what a delivery costs in rooms of more members, and what a connection costs a
//! gateway that has more of them.

use std::time::Duration;

use anyhow::Result;

use super::Curve;
use crate::{
    arm::{Arm, Hubbub},
    bench::Bench,
    crowd::{Crowd, Plan, Room},
    measure::{Measure, Unit},
    proc::{Cpu, memory},
    wire::Member,
};

const MEMBERS: [usize; 5] = [62, 125, 250, 500, 1_000];
const CONNECTIONS: [usize; 5] = [250, 500, 1_000, 2_000, 4_000];
const SMOKE: [usize; 5] = [2, 4, 8, 16, 32];
/// Members of a room of those who only connect.
const ROOM: usize = 500;

/// Messages one at a time to rooms of more and more members.
pub(super) async fn members(bench: &Bench) -> Result<Vec<Measure>> {
    let sizes = bench.scaled(MEMBERS, SMOKE);
    let arm = Hubbub::start(bench.cluster()).await?;
    let users: Vec<String> = (0..sizes[sizes.len() - 1]).map(|n| format!("user-{n}")).collect();
    let mut rooms = Vec::new();
    for size in sizes {
        rooms.push(room_of(&arm, &users[..size]).await?);
    }
    let member = |(number, user): (usize, &String)| {
        let theirs = sizes.iter().zip(&rooms).filter(|(size, _)| number < **size);
        Member { user: user.clone(), rooms: theirs.map(|(_, room)| room.clone()).collect() }
    };
    let crowd =
        Crowd::connect(&arm, &users.iter().enumerate().map(member).collect::<Vec<_>>()).await?;
    let mut curve = Curve::new("CPU per delivery", Unit::Micros, "members", &sizes);
    for round in 0..=bench.rounds {
        for (index, (size, room)) in sizes.into_iter().zip(&rooms).enumerate() {
            let rooms = vec![Room { name: room.clone(), members: 0..size }];
            let plan = Plan { rooms, bursts: 20, burst: 1, gap: Duration::from_millis(30) };
            let before = Cpu::read(&arm.server())?;
            let outcome = crowd.run(&plan).await?;
            let used = Cpu::read(&arm.server())?.since(&before);
            // The first round is to warm up.
            if round > 0 {
                curve.record(index, used.as_secs_f64() * 1e6 / outcome.deliveries as f64);
            }
        }
    }
    crowd.close()?;
    Ok(curve.0)
}

/// Connections of people who are in one room each, and say nothing.
pub(super) async fn connections(bench: &Bench) -> Result<Vec<Measure>> {
    const OF: &str = "connections";
    let sizes = bench.scaled(CONNECTIONS, SMOKE);
    let mut bytes = Curve::new("gateway memory per connection", Unit::Bytes, OF, &sizes);
    let mut accept = Curve::new("CPU per connection made", Unit::Micros, OF, &sizes);
    for _ in 0..bench.rounds {
        let arm = Hubbub::start(bench.cluster()).await?;
        let users: Vec<String> =
            (0..=sizes[sizes.len() - 1]).map(|n| format!("user-{n}")).collect();
        let mut members = Vec::new();
        for part in users.chunks(ROOM) {
            let room = room_of(&arm, part).await?;
            let member = |user: &String| Member { user: user.clone(), rooms: vec![room.clone()] };
            members.extend(part.iter().map(member));
        }
        let gateways: Vec<u32> =
            arm.cluster.gateways.iter().filter_map(hubbub_testkit::Node::pid).collect();
        // What a gateway needs once, whoever comes, is there after the first.
        let mut crowds = vec![Crowd::connect(&arm, &members[..1]).await?];
        let empty = memory(&gateways)?;
        let mut have = 0;
        for (index, size) in sizes.into_iter().enumerate() {
            let before = Cpu::read(&gateways)?;
            crowds.push(Crowd::connect(&arm, &members[1 + have..=size]).await?);
            let used = Cpu::read(&gateways)?.since(&before);
            accept.record(index, used.as_secs_f64() * 1e6 / (size - have) as f64);
            have = size;
            bytes.record(index, (memory(&gateways)? - empty) / size as f64);
        }
        for crowd in crowds {
            crowd.close()?;
        }
    }
    Ok([bytes.0, accept.0].concat())
}

async fn room_of(arm: &Hubbub, users: &[String]) -> Result<String> {
    // A call that makes a room takes 999 members besides the founder.
    arm.make_room(&format!("room of {}", users.len()), users).await
}
