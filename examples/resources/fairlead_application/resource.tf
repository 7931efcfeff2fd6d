variable "token" {
  description = "A secret. It may come from an ephemeral resource of a secret store as well."
  type        = string
  ephemeral   = true
  default     = "only-an-example"
}

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
        env   = [{ name = "TOKEN", valueFrom = { secretKeyRef = { name = "hello", key = "token" } } }]
      }
      traits = {
        scaler = { replicas = 2 }
      }
    }
  }

  # Becomes Secret `hello`, and is delivered with the component that refers to it. It is in no plan and no state.
  secrets_wo = { hello = { token = var.token } }
}
