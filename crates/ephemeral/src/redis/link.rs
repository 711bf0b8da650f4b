//! The connection: made when it is first needed, shared by all calls, and made anew after a failure. A
//! call ends by its deadline whatever the server does; one that broke off with its connection is sent
//! once more, since every call may be repeated.

use std::{fs, sync::Arc, time::Duration};

use futures::future::{FutureExt as _, select_ok};
use parking_lot::Mutex;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo,
    Pipeline, RedisError, RedisFuture, ScriptInvocation, TlsCertificates, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
};
use tokio::{
    sync::OnceCell,
    time::{Instant, timeout_at},
};

use crate::{Config, EphemeralError};

/// How often a call is sent at the most.
const ATTEMPTS: usize = 2;
/// How often one call follows slots that move, within its deadline.
const REDIRECTIONS: u32 = 4;

pub(super) struct Link {
    seeds: Vec<ConnectionInfo>,
    certificates: Option<TlsCertificates>,
    connect_timeout: Duration,
    command_timeout: Duration,
    /// Callers who need the same connection make it once.
    connection: Mutex<Arc<OnceCell<Connection>>>,
}

#[derive(Clone)]
enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    pub(super) fn new(config: &Config) -> Result<Self, EphemeralError> {
        let parse = |url: &String| {
            // The library's error may quote the address with its password.
            let refused = |_| EphemeralError::Config("an address is not redis://…".to_owned());
            url.as_str().into_connection_info().map_err(refused)
        };
        let seeds = config.urls.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            seeds,
            certificates: certificates(config)?,
            connect_timeout: config.connect_timeout,
            command_timeout: config.command_timeout,
            connection: Mutex::default(),
        })
    }

    /// Runs a script.
    pub(super) async fn invoke<T: FromRedisValue>(
        &self,
        call: &ScriptInvocation<'_>,
    ) -> Result<T, EphemeralError> {
        let deadline = Instant::now() + self.command_timeout;
        let mut attempt = 1;
        loop {
            let cell = Arc::clone(&self.connection.lock());
            let invoked = async {
                let mut connection = cell.get_or_try_init(|| self.connect()).await?.clone();
                call.invoke_async(&mut connection).await
            };
            let error = match timeout_at(deadline, invoked).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_elapsed) => {
                    self.forget(&cell);
                    return Err(EphemeralError::Unavailable("no answer in time".to_owned()));
                }
            };
            let broken = error.is_io_error() || error.is_connection_dropped();
            if broken || error.is_timeout() {
                self.forget(&cell);
            }
            if !broken || attempt == ATTEMPTS {
                return Err(unavailable(&error));
            }
            attempt += 1;
        }
    }

    /// The next caller makes another connection.
    fn forget(&self, cell: &Arc<OnceCell<Connection>>) {
        let mut current = self.connection.lock();
        if Arc::ptr_eq(&current, cell) {
            *current = Arc::default();
        }
    }

    /// To the first of the configured nodes that answers; it says whether it is one of a Cluster.
    async fn connect(&self) -> Result<Connection, RedisError> {
        let asked = self.seeds.iter().map(|seed| self.ask(seed).boxed());
        let (single, _others) = select_ok(asked).await?;
        if let Some(connection) = single {
            return Ok(Connection::Single(connection));
        }
        let mut builder = ClusterClient::builder(self.seeds.clone())
            .retries(REDIRECTIONS)
            .min_retry_wait(10)
            .max_retry_wait(100)
            .connection_timeout(self.connect_timeout)
            .response_timeout(self.command_timeout);
        if let Some(certificates) = &self.certificates {
            builder = builder.certs(certificates.clone());
        }
        Ok(Connection::Cluster(builder.build()?.get_async_connection().await?))
    }

    /// A connection, unless the server is a node of a Cluster.
    async fn ask(
        &self,
        seed: &ConnectionInfo,
    ) -> Result<Option<MultiplexedConnection>, RedisError> {
        let client = match &self.certificates {
            Some(certificates) => Client::build_with_tls(seed.clone(), certificates.clone())?,
            None => Client::open(seed.clone())?,
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.command_timeout));
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let slots = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await;
        match slots {
            Ok(Value::Array(_)) => Ok(None),
            Err(error) if !is_standalone(&error) => Err(error),
            Ok(_) | Err(_) => Ok(Some(connection)),
        }
    }
}

fn is_standalone(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| detail.contains("cluster support disabled"))
}

fn certificates(config: &Config) -> Result<Option<TlsCertificates>, EphemeralError> {
    let Some(file) = &config.ca_file else { return Ok(None) };
    let problem = |error| EphemeralError::Config(format!("ca_file {}: {error}", file.display()));
    let root_cert = Some(fs::read(file).map_err(problem)?);
    Ok(Some(TlsCertificates { client_tls: None, root_cert }))
}

/// What went wrong, without the address: that may hold credentials.
fn unavailable(error: &RedisError) -> EphemeralError {
    let detail = error.detail().unwrap_or_default();
    EphemeralError::Unavailable(format!("{} {detail}", error.category()).trim_end().to_owned())
}

/// A time as Redis takes it; never 0, which it refuses.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}
