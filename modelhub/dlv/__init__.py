"""Do what users ask of a repository: one module per verb over a small shared state (`state.Repo`).

DLV is the version control of models in Miao, Li, Davis and Deshpande, ICDE 2017, section III.
"""
