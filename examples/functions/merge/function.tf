locals {
  standard = {
    type       = "webservice"
    properties = { image = "ghcr.io/stefanprodan/podinfo:6.9.0", cpu = "100m", memory = "64Mi" }
    traits     = { scaler = { replicas = 2 } }
  }
}

# A web service like any other, but with three replicas and no bound on its memory.
output "web" {
  value = provider::fairlead::merge(local.standard, {
    properties = { memory = null }
    traits     = { scaler = { replicas = 3 } }
  })
}
