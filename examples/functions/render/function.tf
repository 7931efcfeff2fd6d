locals {
  objects = provider::fairlead::render({
    name = "shop"
    components = {
      web = { type = "webservice", properties = { image = "ghcr.io/stefanprodan/podinfo:6.9.0", ports = [{ port = 9898, expose = true }] } }
    }
    environments = ["dev", "prod"]
  })
}

# Deployment and Service, as they are delivered to the environment prod.
output "manifests" {
  value = join("---\n", [for o in local.objects["prod"] : yamlencode(o)])
}
