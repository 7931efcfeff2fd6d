# One application, one database, a cache, two environments, one apply.
#
# The cache is of a type that the platform team has written. It must be on the hub first: `make demo` and `make run` put it
# there; elsewhere do what they do:
#
#   kubectl apply --server-side -f examples/definitions/cache.yaml
#
# dev is the hub itself (`local`). prod is every managed cluster that an Open Cluster Management placement chooses, the clusters
# that you name, or, with `clusters = []`, the hub as well: then no OCM is needed.

terraform {
  required_version = ">= 1.7"

  required_providers {
    fairlead = {
      source = "fairlead-io/fairlead"
    }
  }
}

provider "fairlead" {
  hub = {
    config_path    = var.kubeconfig
    config_context = var.kubeconfig_context
  }
}

locals {
  by_placement = var.clusters == null
  # Without a cluster prod stays on the hub, in a namespace of its own.
  by_name = local.by_placement ? null : length(var.clusters) > 0 ? var.clusters : ["local"]
}

# --- What the platform team says once -------------------------------------------------------------------------------------

resource "fairlead_environment" "dev" {
  name                   = "dev"
  application_namespaces = { names = [var.namespace], create = true }
  target_namespace       = { suffix = "-dev" }
}

resource "fairlead_cluster_binding" "dev" {
  name        = "dev"
  environment = fairlead_environment.dev.name
  clusters    = ["local"]
}

resource "fairlead_environment" "prod" {
  name                   = "prod"
  application_namespaces = { names = [var.namespace], create = true }
  target_namespace       = { suffix = "-prod" }
}

resource "fairlead_cluster_binding" "prod" {
  name        = "prod"
  environment = fairlead_environment.prod.name
  clusters    = local.by_name
  placement   = local.by_placement ? { cluster_sets = [var.cluster_set] } : null
}

# --- What the application team applies ------------------------------------------------------------------------------------

# Stands in for a cloud database: its address is known only after it was created.
resource "terraform_data" "database" {
  input = "db.${var.namespace}.internal"
}

resource "fairlead_application" "shop" {
  name      = "shop"
  namespace = var.namespace

  environments = [
    fairlead_environment.dev.name,
    fairlead_environment.prod.name,
  ]

  components = {
    web = {
      type = "webservice"
      properties = {
        image = var.image
        ports = [{ port = 9898, expose = true }]
        env = [
          { name = "DB_HOST", value = terraform_data.database.output },
          { name = "PODINFO_CACHE_SERVER", value = "tcp://cache:6379" },
        ]
      }
      traits = {
        labels = { team = "shop" }
        scaler = { replicas = var.replicas }
      }
    }

    # A type of the platform team. What it takes and what it becomes: examples/definitions/cache.yaml.
    cache = {
      type       = "cache"
      properties = { memory = 128 }
    }
  }

  # The environments are reached through their bindings: on destroy the application goes first.
  depends_on = [fairlead_cluster_binding.dev, fairlead_cluster_binding.prod]
}

# Waits until the application is healthy everywhere, or says where it is not and why.
resource "fairlead_rollout" "shop" {
  application = fairlead_application.shop.id
  revision    = fairlead_application.shop.revision

  timeouts = {
    create = "5m"
    update = "5m"
  }
}
