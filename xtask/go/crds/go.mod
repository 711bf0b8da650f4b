// Where the schemas of other people's kinds come from (HTTPRoute, ServiceMonitor, ScaledObject,
// Certificate, …), as their own modules have them: with go.sum, exactly these. Nothing is built.
module hubbub.invalid/xtask/crds

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.21.2
	github.com/kedacore/keda/v2 v2.21.0
	github.com/prometheus-operator/prometheus-operator v0.85.0
	sigs.k8s.io/gateway-api v1.4.0
)
