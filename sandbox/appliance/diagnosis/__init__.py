"""Why something in a cluster does not run: from what Kubernetes says to what is to be done about it.

Pure: `facts` are Kubernetes' objects as its API gives them in JSON, one module looks at each kind of trouble,
`examination` puts together what they find.
"""

from __future__ import annotations
