//! How two people stand to each other, and what each of them may do about it. Pure: the store shows
//! what there is and writes what is decided.

use std::str::FromStr;

use hubbub_domain::{Code, Fault};

/// What one of the two wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Request,
    Accept,
    Decline,
    /// And the other one's later requests are refused, until this one asks.
    DeclineForGood,
    Remove,
    Block,
    Unblock,
}

/// How they stand, seen from one of them. Nothing is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The user has asked.
    Outgoing,
    /// The other one has asked.
    Incoming,
    Contact,
}

/// What there is between the one who wishes and the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "what each of the two decided, one by one")]
pub struct Scene {
    pub link: Option<Link>,
    /// The one who wishes blocks the other.
    pub blocks: bool,
    pub blocked_by: bool,
    /// The one who wishes has declined the other one's requests for good.
    pub declines: bool,
    pub declined_by: bool,
}

impl Link {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outgoing => "outgoing",
            Self::Incoming => "incoming",
            Self::Contact => "contact",
        }
    }

    /// The same, seen from the other one.
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Outgoing => Self::Incoming,
            Self::Incoming => Self::Outgoing,
            Self::Contact => Self::Contact,
        }
    }
}

impl FromStr for Link {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Outgoing, Self::Incoming, Self::Contact]
            .into_iter()
            .find(|link| link.as_str() == text)
            .ok_or(())
    }
}

impl Scene {
    /// How they stand afterwards.
    pub fn after(self, wish: Wish) -> Result<Self, Fault> {
        let with = |link| Ok(Self { link, ..self });
        match (wish, self.link) {
            (Wish::Request, _) if self.blocks => {
                Err(Fault::new(Code::Conflict, "you block this person; lift the block first"))
            }
            (Wish::Request, _) if self.blocked_by || self.declined_by => Err(refused()),
            // Asking takes a decline back.
            (Wish::Request, standing) => {
                let link = match standing {
                    None => Link::Outgoing,
                    // A user who was asked and asks back has accepted.
                    Some(Link::Incoming) => Link::Contact,
                    Some(standing) => standing,
                };
                Ok(Self { link: Some(link), declines: false, ..self })
            }
            (Wish::Accept, Some(Link::Incoming | Link::Contact)) => with(Some(Link::Contact)),
            // A request of the other one is declined, not removed: removing says nothing to them.
            (Wish::Remove, Some(Link::Incoming)) => with(Some(Link::Incoming)),
            (Wish::Decline, Some(Link::Incoming)) | (Wish::Remove, _) => with(None),
            (Wish::DeclineForGood, Some(Link::Incoming)) => {
                Ok(Self { link: None, declines: true, ..self })
            }
            (Wish::Accept | Wish::Decline | Wish::DeclineForGood, _) => Err(no_request()),
            (Wish::Block, _) => Ok(Self { link: None, blocks: true, ..self }),
            (Wish::Unblock, _) => Ok(Self { blocks: false, ..self }),
        }
    }
}

fn refused() -> Fault {
    Fault::new(Code::Forbidden, "this person takes no requests from you")
}

fn no_request() -> Fault {
    Fault::new(Code::NotFound, "there is no request of this person")
}

#[cfg(test)]
mod tests {
    use hubbub_domain::Code;

    use super::{Link, Scene, Wish};

    fn scene(link: Option<Link>) -> Scene {
        Scene { link, ..Scene::default() }
    }

    #[test]
    fn each_wish_leads_where_it_should() {
        use Link::{Contact, Incoming, Outgoing};
        for (before, wish, after) in [
            (None, Wish::Request, Some(Some(Outgoing))),
            (Some(Outgoing), Wish::Request, Some(Some(Outgoing))),
            (Some(Incoming), Wish::Request, Some(Some(Contact))),
            (Some(Contact), Wish::Request, Some(Some(Contact))),
            (None, Wish::Accept, None),
            (Some(Outgoing), Wish::Accept, None),
            (Some(Incoming), Wish::Accept, Some(Some(Contact))),
            (Some(Contact), Wish::Accept, Some(Some(Contact))),
            (None, Wish::Decline, None),
            (Some(Outgoing), Wish::Decline, None),
            (Some(Incoming), Wish::Decline, Some(None)),
            (Some(Contact), Wish::Decline, None),
            (None, Wish::Remove, Some(None)),
            (Some(Outgoing), Wish::Remove, Some(None)),
            (Some(Incoming), Wish::Remove, Some(Some(Incoming))),
            (Some(Contact), Wish::Remove, Some(None)),
            (Some(Contact), Wish::Block, Some(None)),
            (Some(Contact), Wish::Unblock, Some(Some(Contact))),
        ] {
            let outcome = scene(before).after(wish);
            assert_eq!(outcome.as_ref().ok().map(|scene| scene.link), after, "{before:?} {wish:?}");
            if let Err(fault) = outcome {
                assert_eq!(fault.code, Code::NotFound);
            }
        }
    }

    #[test]
    fn a_request_declined_for_good_is_not_made_again() {
        let declined = scene(Some(Link::Incoming)).after(Wish::DeclineForGood).unwrap();
        assert_eq!((declined.link, declined.declines), (None, true));
        assert_eq!(scene(None).after(Wish::DeclineForGood).unwrap_err().code, Code::NotFound);
        let asking = Scene { declined_by: true, ..Scene::default() };
        assert_eq!(asking.after(Wish::Request).unwrap_err().code, Code::Forbidden);
        // The one who declined may ask, and takes it back by that.
        let asked = declined.after(Wish::Request).unwrap();
        assert_eq!((asked.link, asked.declines), (Some(Link::Outgoing), false));
    }

    #[test]
    fn a_block_stops_requests_both_ways() {
        let blocking = scene(None).after(Wish::Block).unwrap();
        assert!(blocking.blocks);
        assert_eq!(blocking.after(Wish::Request).unwrap_err().code, Code::Conflict);
        let blocked = Scene { blocked_by: true, ..Scene::default() };
        assert_eq!(blocked.after(Wish::Request).unwrap_err().code, Code::Forbidden);
        assert!(!blocking.after(Wish::Unblock).unwrap().blocks);
    }
}
