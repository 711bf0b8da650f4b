//! `Fault` ⇄ `tonic::Status`. The code travels as the reason of a `google.rpc.ErrorInfo`, so that
//! callers in any language can tell `conflict` from `limit_reached`; the delay as `RetryInfo`.

use hubbub_domain::{Code, Fault};
use tonic::{Code as Grpc, Status};
use tonic_types::{ErrorDetails, StatusExt};

const DOMAIN: &str = "hubbub";

/// The status a caller gets for a fault.
pub fn status_from_fault(fault: &Fault) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(fault.code.as_str(), DOMAIN, std::collections::HashMap::new());
    if let Some(delay) = fault.retry_after {
        details.set_retry_info(Some(delay));
    }
    Status::with_error_details(grpc_code(fault.code), fault.message.clone(), details)
}

/// The fault behind a status: our own details when there are any, else judged by the gRPC code.
/// What another side's status says in words stays out of the message: it may name hosts.
pub fn fault_from_status(status: &Status) -> Fault {
    let info = status
        .get_details_error_info()
        .filter(|info| info.domain == DOMAIN)
        .and_then(|info| Code::parse(&info.reason));
    let retry_after = status.get_details_retry_info().and_then(|info| info.retry_delay);
    match info {
        Some(code) => Fault { code, message: status.message().to_owned().into(), retry_after },
        None => match status.code() {
            Grpc::Unavailable
            | Grpc::DeadlineExceeded
            | Grpc::Cancelled
            | Grpc::ResourceExhausted
            | Grpc::Aborted
            | Grpc::Unknown => Fault::unavailable("a part of the cluster does not answer"),
            _ => Fault::new(Code::Internal, "an internal call failed"),
        },
    }
}

const fn grpc_code(code: Code) -> Grpc {
    match code {
        Code::BadRequest | Code::TooLarge => Grpc::InvalidArgument,
        Code::Unauthenticated => Grpc::Unauthenticated,
        Code::Forbidden | Code::Banned => Grpc::PermissionDenied,
        Code::NotFound => Grpc::NotFound,
        Code::Conflict => Grpc::FailedPrecondition,
        Code::LimitReached | Code::RateLimited => Grpc::ResourceExhausted,
        Code::Unavailable => Grpc::Unavailable,
        Code::Internal => Grpc::Internal,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hubbub_domain::{Code, Fault};
    use tonic::Status;

    use super::{fault_from_status, status_from_fault};

    #[test]
    fn a_fault_survives_the_wire() {
        for code in Code::ALL {
            let fault = Fault::new(code, "why").retry_after(Duration::from_millis(250));
            assert_eq!(fault_from_status(&status_from_fault(&fault)), fault);
        }
    }

    #[test]
    fn a_foreign_status_keeps_its_words_to_itself() {
        let fault = fault_from_status(&Status::unavailable("tcp connect error: 10.1.2.3:5432"));
        assert_eq!(fault.code, Code::Unavailable);
        assert!(!fault.message.contains("10.1.2.3"));
    }
}
