# Goes to the environment `default`, which the addon ships: the hub itself, in the application's own namespace.
resource "fairlead_application" "hello" {
  name      = "hello"
  namespace = "default"

  components = {
    web = {
      type = "webservice"
      properties = {
        image = "ghcr.io/stefanprodan/podinfo:6.9.0"
        ports = [{ port = 9898, expose = true }]
      }
      traits = {
        scaler = { replicas = 2 }
      }
    }
  }
}
