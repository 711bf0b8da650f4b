//! Mutual TLS between roles: who is let in, who is not, and certificates that change.

use std::{path::Path, time::Duration};

use hubbub_runtime::grpc::{
    GrpcClientConfig, GrpcServerConfig, TlsConfig, Transport, TransportError,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tonic::Code;

use crate::support::{TestServer, call, client_config, eventually};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("signed")
}

/// Files as a role is given them: signed by one authority, trusting another (mostly the same).
fn issue(dir: &Path, signer: &Authority, trusted: &Authority, name: &str) -> TlsConfig {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, signer).expect("signed");
    let write = |file: &str, text: String| {
        let path = dir.join(file);
        std::fs::write(&path, text).expect("written");
        path
    };
    TlsConfig {
        enabled: true,
        ca_file: write("ca.crt", trusted.pem()),
        cert_file: write("tls.crt", certificate.pem()),
        key_file: write("tls.key", key.serialize_pem()),
        reload_interval: Duration::ZERO,
        ..TlsConfig::default()
    }
}

fn provider() {
    // The first test that comes installs it for all.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}

async fn serve(tls: &TlsConfig) -> TestServer {
    let config = GrpcServerConfig { tls: tls.clone(), ..GrpcServerConfig::default() };
    TestServer::start_with("a", &config).await
}

async fn transport(server: &TestServer, tls: &TlsConfig) -> Transport {
    let config = GrpcClientConfig { tls: tls.clone(), ..client_config(&[server]) };
    Transport::connect(&config).await.expect("valid")
}

fn dir() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

#[tokio::test]
async fn roles_of_one_authority_speak_and_health_is_asked() {
    provider();
    let (ca, [one, two]) = (authority(), [dir(), dir()]);
    let server = serve(&issue(one.path(), &ca, &ca, "hubbub")).await;
    let transport = transport(&server, &issue(two.path(), &ca, &ca, "hubbub")).await;
    assert_eq!(call(transport.any(), "Name").await.expect("answered"), "a");
    transport.check().await.expect("it serves");
}

#[tokio::test]
async fn strangers_are_refused_on_both_sides() {
    provider();
    let (ca, other) = (authority(), authority());
    let dirs = [dir(), dir(), dir(), dir()];
    let server = serve(&issue(dirs[0].path(), &ca, &ca, "hubbub")).await;
    for (why, tls) in [
        ("a certificate of another authority", issue(dirs[1].path(), &other, &ca, "hubbub")),
        ("a server of another authority", issue(dirs[2].path(), &ca, &other, "hubbub")),
        ("another name", issue(dirs[3].path(), &ca, &ca, "billing")),
        ("no TLS at all", TlsConfig::default()),
    ] {
        let transport = transport(&server, &tls).await;
        let refused = call(transport.any(), "Name").await.expect_err(why);
        assert_eq!(refused.code(), Code::Unavailable, "{why}: {refused}");
    }
}

#[tokio::test]
async fn a_peer_that_never_shakes_hands_holds_up_nobody() {
    provider();
    let (ca, [one, two]) = (authority(), [dir(), dir()]);
    let server = serve(&issue(one.path(), &ca, &ca, "hubbub")).await;
    let _silent = tokio::net::TcpStream::connect(server.address).await.expect("connected");
    let transport = transport(&server, &issue(two.path(), &ca, &ca, "hubbub")).await;
    assert_eq!(call(transport.any(), "Name").await.expect("answered"), "a");
}

#[tokio::test]
async fn certificates_that_change_are_used_for_new_connections() {
    provider();
    let (old, new) = (authority(), authority());
    let dirs = [dir(), dir()];
    let server = serve(&issue(dirs[0].path(), &old, &old, "hubbub")).await;
    let renewed = issue(dirs[1].path(), &new, &new, "hubbub");
    let transport = transport(&server, &renewed).await;
    call(transport.any(), "Name").await.expect_err("the old authority");
    issue(dirs[0].path(), &new, &new, "hubbub");
    let transport = &transport;
    eventually(|| async move { call(transport.any(), "Name").await.is_ok() }).await;
}

#[tokio::test]
async fn files_that_do_not_belong_together_are_refused_by_name() {
    provider();
    let (ca, [one, two]) = (authority(), [dir(), dir()]);
    let tls = issue(one.path(), &ca, &ca, "hubbub");
    let other = issue(two.path(), &ca, &ca, "hubbub");
    let empty = one.path().join("empty");
    std::fs::write(&empty, "").expect("written");
    for (wrong, named) in [
        (TlsConfig { key_file: other.key_file, ..tls.clone() }, "cert_file"),
        (TlsConfig { cert_file: empty.clone(), ..tls.clone() }, "cert_file"),
        (TlsConfig { ca_file: empty.clone(), ..tls.clone() }, "ca_file"),
        (TlsConfig { key_file: empty, ..tls.clone() }, "key_file"),
        (TlsConfig { name: "not a name".into(), ..tls.clone() }, "name"),
    ] {
        let refused = wrong.validate().expect_err(named).to_string();
        assert!(refused.starts_with(&format!("{named}: ")), "{refused}");
        let config = GrpcClientConfig { tls: wrong, ..GrpcClientConfig::default() };
        let config = GrpcClientConfig { address: "127.0.0.1:1".into(), ..config };
        assert!(matches!(Transport::connect(&config).await, Err(TransportError::Tls(_))));
    }
}
