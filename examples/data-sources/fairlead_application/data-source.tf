data "fairlead_application" "web" {
  namespace = "shop"
  name      = "web"
}

# Where something is not healthy, and why.
output "unhealthy" {
  value = [
    for service in data.fairlead_application.web.status.services :
    "${service.component} in ${service.environment} on ${service.cluster}: ${service.message}" if !service.healthy
  ]
}
