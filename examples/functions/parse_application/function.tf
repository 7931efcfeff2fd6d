locals {
  shop = provider::fairlead::parse_application(<<-YAML
    apiVersion: core.oam.dev/v1beta1
    kind: Application
    metadata:
      name: shop
    spec:
      components:
        - name: web
          type: webservice
          properties:
            image: ghcr.io/stefanprodan/podinfo:6.9.0
          traits:
            - type: scaler
              properties:
                replicas: 2
  YAML
  )
}

# What `components` of a fairlead_application may be set to.
output "components" {
  value = local.shop.components
}
