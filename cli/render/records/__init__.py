"""How records are shown: of trainings, with charts, of evaluations and their differences, of aliases."""
