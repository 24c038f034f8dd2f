"""Keep parameters: PAS, the parameter archival store (Miao, Li, Davis, Deshpande, ICDE 2017).

A *store* reads objects from packs, a *session* writes them; *recipes*, *trees* and *manifests* say
how files, snapshots and versions are made of them (docs/formats/objects.md). Packs describe
themselves, so nothing here needs the catalog.
"""
