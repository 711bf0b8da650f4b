//! Passwords: judged by their length, hashed with argon2id, a bounded number at once.
//!
//! Hashing takes memory and a processor on purpose. So only `hashes_max` run at a time, on threads
//! where waiting harms nobody; `waiting_max` more wait, and the next is told to come back. A name that
//! nobody has costs as much as one that somebody has.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use hubbub_domain::{Code, Fault};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;

use crate::{config::PasswordConfig, metrics};

/// A password in transit. It is never printed.
pub(crate) struct Password(String);

impl Password {
    /// Normalised (NFKC, as NIST SP 800-63B section 5.1.1.2 asks), so that it is the same on every
    /// keyboard.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.nfkc().collect())
    }
}

pub(crate) struct Passwords {
    hasher: Argon2<'static>,
    chars_min: usize,
    chars_max: usize,
    running: Arc<Semaphore>,
    /// Those that run or wait.
    admitted: Semaphore,
    /// What a password is compared with when there is nobody of that name.
    nobody: String,
}

/// Whether the settings are any argon2 accepts.
pub(crate) fn parameters(config: &PasswordConfig) -> Result<Params, String> {
    Params::new(config.memory_kib, config.passes, config.lanes, None)
        .map_err(|error| format!("password.memory_kib, passes and lanes: {error}"))
}

impl Passwords {
    pub(crate) fn new(config: &PasswordConfig) -> Result<Self, String> {
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters(config)?);
        let nobody = hash(&hasher, "nobody's password").map_err(|fault| fault.to_string())?;
        Ok(Self {
            hasher,
            chars_min: config.chars_min,
            chars_max: config.chars_max,
            running: Arc::new(Semaphore::new(config.hashes_max)),
            admitted: Semaphore::new(config.hashes_max + config.waiting_max),
            nobody,
        })
    }

    /// The rule for new passwords.
    pub(crate) fn judge(&self, field: &'static str, text: &str) -> Result<Password, Fault> {
        if text.len() > 4 * self.chars_max || text.chars().count() > self.chars_max {
            let text = format!("{field} has more than {} characters", self.chars_max);
            return Err(Fault::bad_request(text));
        }
        if text.chars().count() < self.chars_min {
            let text = format!("{field} has fewer than {} characters", self.chars_min);
            return Err(Fault::bad_request(text));
        }
        Ok(Password::new(text))
    }

    /// The hash of a new password, as it is kept (a PHC string).
    pub(crate) async fn hash(&self, password: Password) -> Result<String, Fault> {
        let hasher = self.hasher.clone();
        self.run(move || hash(&hasher, &password.0)).await?
    }

    /// Whether a password is the one that `kept` is the hash of. Without one the work is the same,
    /// and the answer is no.
    pub(crate) async fn verify(&self, text: &str, kept: Option<&str>) -> Result<bool, Fault> {
        // Longer than any that was ever accepted: not worth a hash, whoever it is.
        if text.len() > 4 * self.chars_max {
            return Ok(false);
        }
        let hasher = self.hasher.clone();
        let (password, known) = (Password::new(text), kept.is_some());
        let kept = kept.unwrap_or(&self.nobody).to_owned();
        let right = self
            .run(move || {
                let kept = PasswordHash::new(&kept).map_err(|_| broken())?;
                Ok::<_, Fault>(hasher.verify_password(password.0.as_bytes(), &kept).is_ok())
            })
            .await??;
        Ok(right && known)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let Ok(_admitted) = self.admitted.try_acquire() else {
            metrics::hash_refused();
            return Err(Fault::unavailable("too many people log in just now"));
        };
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| broken())?;
        // The place is held by the work itself: a caller that goes away does not make room for more.
        let done = tokio::task::spawn_blocking(move || {
            let _running = running;
            work()
        });
        done.await.map_err(|_| broken())
    }
}

fn hash(hasher: &Argon2<'_>, password: &str) -> Result<String, Fault> {
    let hash = hasher.hash_password(password.as_bytes()).map_err(|_| broken())?;
    Ok(hash.to_string())
}

fn broken() -> Fault {
    Fault::new(Code::Internal, "a password could not be hashed")
}

#[cfg(test)]
mod tests {
    use hubbub_domain::Code;

    use super::{Password, Passwords};
    use crate::config::PasswordConfig;

    fn cheap() -> PasswordConfig {
        PasswordConfig { memory_kib: 64, passes: 1, ..PasswordConfig::default() }
    }

    #[tokio::test]
    async fn the_right_one_passes_however_it_was_typed() {
        let passwords = Passwords::new(&cheap()).unwrap();
        let kept = passwords.hash(Password::new("correct horse é")).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{kept}");
        assert!(passwords.verify("correct horse e\u{301}", Some(&kept)).await.unwrap());
        assert!(!passwords.verify("correct horse", Some(&kept)).await.unwrap());
        assert!(!passwords.verify("nobody's password", None).await.unwrap());
    }

    #[test]
    fn the_rule_is_a_length() {
        let passwords = Passwords::new(&cheap()).unwrap();
        for text in ["", "1234567", &"x".repeat(257), &"x".repeat(1_000_000)] {
            let refused = passwords.judge("password", text).err().expect("refused");
            assert_eq!(refused.code, Code::BadRequest);
            assert!(!refused.message.contains(text) || text.is_empty(), "it is not repeated");
        }
        assert!(passwords.judge("password", "12345678").is_ok());
    }

    #[tokio::test]
    async fn one_more_than_may_wait_is_told_to_come_back() {
        let config = PasswordConfig { hashes_max: 1, waiting_max: 0, ..cheap() };
        let passwords = Passwords::new(&config).unwrap();
        let _busy = passwords.admitted.try_acquire().unwrap();
        let refused = passwords.verify("12345678", None).await.expect_err("there is no room");
        assert_eq!(refused.code, Code::Unavailable);
    }
}
