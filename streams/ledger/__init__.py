"""The ledger check: does the record still agree with the log, with its effects, with the features?"""
