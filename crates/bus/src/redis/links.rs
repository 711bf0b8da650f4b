//! A subscriber's links to all nodes, and which topic is confirmed on which.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures::future::{join_all, try_join_all};

use super::{
    channel,
    link::{Link, Reports},
    nodes::{Node, Nodes, Topology},
    subscriptions::Wanted,
    unavailable,
};
use crate::{BusError, Topic};

pub(super) struct Links {
    nodes: Arc<Nodes>,
    reports: Reports,
    wanted: Wanted,
    topology: Option<Arc<Topology>>,
    links: HashMap<Node, Link>,
    confirmed: HashMap<Topic, Node>,
}

impl Links {
    pub(super) fn new(nodes: Arc<Nodes>, reports: Reports, wanted: Wanted) -> Self {
        let (links, confirmed) = (HashMap::new(), HashMap::new());
        Self { nodes, reports, wanted, topology: None, links, confirmed }
    }

    /// Replaces what is broken, connects to every node, and subscribes what is wanted and not
    /// confirmed.
    pub(super) async fn connect_and_subscribe(&mut self) -> Result<(), BusError> {
        let topology = self.nodes.ask_topology().await?;
        let present: HashSet<Node> = topology.nodes().into_iter().collect();
        self.links.retain(|node, link| present.contains(node) && !link.is_broken());
        self.topology = Some(topology);
        self.forget_misplaced();
        let missing = present.iter().filter(|node| !self.links.contains_key(*node));
        let (nodes, reports) = (&self.nodes, &self.reports);
        let connecting = missing.map(|node| async move {
            Ok::<_, BusError>((node.clone(), connect(nodes, node, reports).await?))
        });
        let connected = try_join_all(connecting).await?;
        self.links.extend(connected);

        let missing = {
            let wanted = self.wanted.lock();
            wanted.iter().filter(|topic| !self.confirmed.contains_key(*topic)).cloned().collect()
        };
        self.subscribe(missing).await?;
        self.unsubscribe_surplus().await
    }

    /// No link is broken, and everything wanted is confirmed.
    pub(super) fn all_is_confirmed(&self) -> bool {
        !self.links.values().any(Link::is_broken)
            && self.wanted.lock().iter().all(|topic| self.confirmed.contains_key(topic))
    }

    /// Subscribes topics on the nodes that own them, all nodes at once.
    pub(super) async fn subscribe(&mut self, mut topics: Vec<Topic>) -> Result<(), BusError> {
        topics.retain(|topic| !self.confirmed.contains_key(topic));
        let parts = self.by_owner(topics)?;
        let subscribed = parts.iter().map(|(node, topics)| async {
            match self.links.get(node) {
                Some(link) => link.subscribe(topics).await.map_err(|error| unavailable(&error)),
                None => Err(BusError::Unavailable("a node is not connected".to_owned())),
            }
        });
        let results = join_all(subscribed).await;
        let mut outcome = Ok(());
        for ((node, topics), result) in parts.into_iter().zip(results) {
            match result {
                Ok(()) => {
                    let topics = topics.into_iter().map(|topic| (topic, node.clone()));
                    self.confirmed.extend(topics);
                }
                Err(error) => outcome = Err(error),
            }
        }
        // An answer may have been taken for another; see `link`.
        if self.links.values().any(Link::is_broken) {
            return Err(BusError::Unavailable("a connection broke".to_owned()));
        }
        outcome
    }

    /// Unsubscribes those of the topics that are confirmed.
    pub(super) async fn unsubscribe(&mut self, topics: Vec<Topic>) -> Result<(), BusError> {
        let mut parts: HashMap<Node, Vec<Topic>> = HashMap::new();
        for topic in topics {
            if let Some(node) = self.confirmed.remove(&topic) {
                parts.entry(node).or_default().push(topic);
            }
        }
        let unsubscribed = parts.iter().map(|(node, topics)| async {
            match self.links.get(node) {
                Some(link) => link.unsubscribe(topics).await,
                None => Ok(()),
            }
        });
        let results = join_all(unsubscribed).await;
        results.into_iter().collect::<Result<(), _>>().map_err(|error| unavailable(&error))
    }

    /// Subscribes everything once more. It changes nothing where all is well, and finds out where a
    /// slot has moved away or a node has forgotten us.
    pub(super) async fn confirm_all_again(&mut self) -> Result<(), BusError> {
        let topology = self.nodes.ask_topology().await?;
        if self.topology.as_ref() != Some(&topology) {
            return Err(BusError::Unavailable("the nodes have changed".to_owned()));
        }
        self.unsubscribe_surplus().await?;
        self.confirmed.clear();
        let wanted = self.wanted.lock().iter().cloned().collect();
        self.subscribe(wanted).await
    }

    /// Finds out which links still answer; one that does not is broken then.
    pub(super) async fn check(&self) {
        join_all(self.links.values().map(Link::check)).await;
    }

    /// Unsubscribes what was taken off the list while nobody could be told.
    async fn unsubscribe_surplus(&mut self) -> Result<(), BusError> {
        let surplus = {
            let wanted = self.wanted.lock();
            self.confirmed.keys().filter(|topic| !wanted.contains(*topic)).cloned().collect()
        };
        self.unsubscribe(surplus).await
    }

    /// What was confirmed on a node that is gone, or is not the owner now, is not confirmed.
    fn forget_misplaced(&mut self) {
        let (links, topology) = (&self.links, &self.topology);
        self.confirmed.retain(|topic, node| {
            let owner = topology.as_ref().and_then(|topology| topology.owner(channel::slot(topic)));
            links.contains_key(node) && owner == Some(node)
        });
    }

    fn by_owner(&self, topics: Vec<Topic>) -> Result<HashMap<Node, Vec<Topic>>, BusError> {
        let mut parts: HashMap<Node, Vec<Topic>> = HashMap::new();
        for topic in topics {
            let slot = channel::slot(&topic);
            let owner = self.topology.as_ref().and_then(|topology| topology.owner(slot));
            let owner = owner.ok_or_else(|| BusError::Unavailable("a slot has no owner".into()))?;
            parts.entry(owner.clone()).or_default().push(topic);
        }
        Ok(parts)
    }
}

async fn connect(nodes: &Nodes, node: &Node, reports: &Reports) -> Result<Link, BusError> {
    Link::connect(nodes, node, reports).await.map_err(|error| unavailable(&error))
}
