//! How costs grow: messages stored, rooms, members and connections, each doubled several times while
//! everything else stays. A cost is always that of one unit (one append, one delivery, one connection), so
//! that the exponent of its curve is 0 when being many makes nothing dearer.

mod messages;
mod people;
mod rooms;

use anyhow::Result;

use crate::{
    bench::Bench,
    measure::{Measure, Unit, grouped},
};

const SCENARIO: &str = "growth";

pub(crate) async fn run(bench: &Bench) -> Result<Vec<Measure>> {
    let mut measures = messages::run(bench).await?;
    measures.extend(rooms::appends(bench).await?);
    measures.extend(rooms::followed(bench).await?);
    measures.extend(people::members(bench).await?);
    measures.extend(people::connections(bench).await?);
    Ok(measures)
}

/// The cost of a unit at several sizes: a measure for each.
struct Curve(Vec<Measure>);

impl Curve {
    /// `cost` is of what ("CPU per append"), `axis` is what there is more and more of.
    fn new(cost: &str, unit: Unit, axis: &'static str, sizes: &[usize]) -> Self {
        let measure = |size: &usize| {
            let size = *size as f64;
            let what = format!("{cost}, {axis}: {}", grouped(size));
            Measure::new(SCENARIO, what, unit).on(format!("{cost}, by {axis}"), axis, size)
        };
        Self(sizes.iter().map(measure).collect())
    }

    /// Writes down the next round at the `index`th size.
    fn record(&mut self, index: usize, cost: f64) {
        self.0[index].record("hubbub", cost);
    }
}
