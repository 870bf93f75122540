"""The commands of ``tm_client``, a module per kind of resource."""
