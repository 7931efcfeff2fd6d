# Applications of the namespace shop may be delivered here, into shop-staging of every cluster that is bound.
resource "fairlead_environment" "staging" {
  name                   = "staging"
  application_namespaces = { names = ["shop"], create = true }
  target_namespace       = { suffix = "-staging" }

  namespace_options = {
    labels = { "pod-security.kubernetes.io/warn" = "baseline" }
  }
}

# Only images of our registry, by digest, and a quota for each team.
resource "fairlead_environment" "production" {
  name                   = "production"
  application_namespaces = { names = ["shop"] }
  target_namespace       = { suffix = "-production" }

  namespace_options = {
    objects = [
      {
        apiVersion = "v1"
        kind       = "ResourceQuota"
        metadata   = { name = "team" }
        spec       = { hard = { "requests.cpu" = "20", "requests.memory" = "64Gi" } }
      },
      # With such a quota, pods that ask for nothing are refused: these ask for something by default.
      {
        apiVersion = "v1"
        kind       = "LimitRange"
        metadata   = { name = "team" }
        spec       = { limits = [{ type = "Container", defaultRequest = { cpu = "100m", memory = "128Mi" } }] }
      },
    ]
  }
  constraints = {
    allowed_registries   = ["ghcr.io/acme"]
    require_image_digest = true
    denied_kinds         = ["NetworkPolicy"]
    max_replicas         = 20
  }
}
