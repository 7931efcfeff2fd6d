# A type that is built in. Without `source` the hub is asked first.
data "fairlead_definition" "webservice" {
  kind   = "component"
  name   = "webservice"
  source = "builtin"
}

output "required_parameters" {
  value = [for parameter in data.fairlead_definition.webservice.parameters : parameter.path if parameter.required]
}
