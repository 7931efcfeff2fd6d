# An environment that the platform team manages elsewhere.
data "fairlead_environment" "live" {
  name = "live"
}

resource "fairlead_application" "shop" {
  name         = "shop"
  namespace    = "shop"
  environments = { live = { ref = data.fairlead_environment.live.ref } }
  components = {
    web = { type = "webservice", properties = { image = "ghcr.io/stefanprodan/podinfo:6.9.0" } }
  }
}
