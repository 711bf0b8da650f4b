//! Maps that are walked in the same order in every run, so that what happens does not depend on the
//! process's random hashing and a simulated run can be repeated. Only for ids that clients cannot
//! choose (those of rooms and sessions): nobody can aim at collisions.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, DefaultHasher},
};

type Steady = BuildHasherDefault<DefaultHasher>;

pub(crate) type SteadyMap<K, V> = HashMap<K, V, Steady>;
pub(crate) type SteadySet<K> = HashSet<K, Steady>;
