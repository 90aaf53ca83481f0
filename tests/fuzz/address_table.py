#!/usr/bin/env python3
"""Writes what Python's ipaddress holds for special as C, for address_fuzz.c: address_table.py OUT.c"""

import ipaddress
import sys

CONSTANTS = {4: ipaddress._IPv4Constants, 6: ipaddress._IPv6Constants}


def networks(constants):
    for name, value in vars(constants).items():
        if not name.startswith("__") and "exception" not in name:
            yield from map(ipaddress.ip_network, value if isinstance(value, list) else [value])


def main() -> None:
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write('#include "address_table.h"\n\nconst struct special specials[] = {\n')
        for version, constants in CONSTANTS.items():
            for network in sorted(set(networks(constants))):
                out.write(f'    {{{version}, "{network.network_address}", {network.prefixlen}}},\n')
        out.write("    {0, 0, 0}};\n")


if __name__ == "__main__":
    main()
