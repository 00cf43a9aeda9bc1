# secret_module.py

import pandas as pd

def secret_function(data):
    """
    Replace all the value of DataFrame by `Hello world`.
    """
    result = data.replace(to_replace=r'.+', value='Hello world', regex=True)
    return result
