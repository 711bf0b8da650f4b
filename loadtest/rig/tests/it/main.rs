//! The rig works: every scenario in a few seconds, on whatever build is there. No figure is judged.

mod smoke;
