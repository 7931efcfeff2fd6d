resource "fairlead_application" "greeter" {
  name      = "greeter"
  namespace = "default"

  components = {
    web = {
      type       = "webservice"
      properties = { image = "ghcr.io/stefanprodan/podinfo:6.9.0" }
    }
  }
}

# A failed wait is an error of its own: the application is never tainted by it.
resource "fairlead_rollout" "greeter" {
  application = fairlead_application.greeter.id
  revision    = fairlead_application.greeter.revision
  on_failure  = "error"

  timeouts = {
    create = "5m"
    update = "5m"
  }
}

# Where the application is reached: by environment, cluster and component.
output "greeter_endpoints" {
  value = fairlead_rollout.greeter.endpoints
}
