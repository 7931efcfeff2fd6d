# Applications of the namespace shop may be delivered here, into shop-staging of every cluster that is bound.
resource "fairlead_environment" "staging" {
  name                   = "staging"
  application_namespaces = { names = ["shop"], create = true }
  target_namespace       = { suffix = "-staging" }

  namespace_options = {
    labels = { "pod-security.kubernetes.io/warn" = "baseline" }
  }
}
