# Needs a hub with the addon, named by the environment: FAIRLEAD_CONFIG_PATH=~/.kube/config terraform test
# What it makes is removed at the end. Terraform asks for a value of each ephemeral variable here, which modules that are called need not have.

run "platform" {
  module {
    source = "../platform"
  }

  variables {
    environments = {
      # Delivers to the namespace of the application itself: so the account is there as which the addon reads its Secrets.
      team-app-dev = { application_namespaces = { names = ["team-app"], create = true } }
      team-app-prod = {
        application_namespaces = { names = ["team-app"], create = true }
        target_namespace       = { suffix = "-prod" }
        defaults               = { webservice = { traits = { scaler = { replicas = 3 } } } }
      }
    }
    bindings = {
      team-app-dev  = { environment = "team-app-dev", clusters = ["local"] }
      team-app-prod = { environment = "team-app-prod", clusters = ["local"], rollout = { stall_after = "3m" } }
    }
  }
}

run "first" {
  variables {
    name         = "shop"
    namespace    = "team-app"
    environments = run.platform.environments
    components = {
      web = {
        type = "webservice"
        properties = {
          image = "ghcr.io/stefanprodan/podinfo:6.9.0"
          ports = [{ port = 9898, expose = true }]
          env   = [{ name = "TOKEN", valueFrom = { secretKeyRef = { name = "shop", key = "token" } } }]
        }
        traits = { gateway = { domain = "shop.example.com", http = { "/" = 9898 } } }
      }
      jobs = { type = "worker", properties = { image = "ghcr.io/stefanprodan/podinfo:6.9.0", cmd = ["./podinfo"] } }
    }
    secrets             = { shop = { token = "only-an-example" } }
    environment_secrets = {}
    rollout             = { timeout = "3m" }
  }

  assert {
    condition     = output.id == "team-app/shop" && fairlead_rollout.this[0].revision == output.revision
    error_message = "Application ${output.id} of revision ${output.revision} was rolled out as ${fairlead_rollout.this[0].revision}."
  }

  assert {
    condition = toset(keys(output.resources)) == toset([
      for pair in setproduct(["team-app-dev", "team-app-prod"], ["web/Deployment/web", "web/Service/web", "web/Ingress/web", "jobs/Deployment/jobs"]) : join("/", pair)
    ])
    error_message = "Delivered was ${jsonencode(keys(output.resources))}."
  }

  assert {
    condition     = contains(keys(output.endpoints), "team-app-prod/local/web")
    error_message = "Reached are ${jsonencode(output.endpoints)}."
  }
}

run "changed" {
  variables {
    name         = "shop"
    namespace    = "team-app"
    environments = run.platform.environments
    components = {
      web = {
        type       = "webservice"
        properties = { image = "ghcr.io/stefanprodan/podinfo:6.9.1", ports = [{ port = 9898, expose = true }] }
      }
    }
    secrets             = {}
    environment_secrets = {}
    rollout             = { timeout = "3m" }
  }

  assert {
    condition     = fairlead_rollout.this[0].revision == output.revision
    error_message = "The change was not rolled out."
  }

  assert {
    condition     = toset(keys(output.resources)) == toset(["team-app-dev/web/Deployment/web", "team-app-dev/web/Service/web", "team-app-prod/web/Deployment/web", "team-app-prod/web/Service/web"])
    error_message = "Left are ${jsonencode(keys(output.resources))}."
  }
}
