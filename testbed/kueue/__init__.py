"""A stand-in for Kueue: it follows Kueue's documented protocol for batch/v1 Jobs, and is not Kueue.

Kueue is a Go module, and no registry that these tests may use carries its
program. So a process of ours does what Kueue's documentation says of Jobs
(https://kueue.sigs.k8s.io/docs/tasks/run/jobs/ and
https://kueue.sigs.k8s.io/docs/reference/kueue.v1beta1/):

- A Job with the label `kueue.x-k8s.io/queue-name` is created suspended; a
  Workload stands for it.
- A Workload that fits its ClusterQueue's quota is admitted: the Job gets the
  node selectors of the flavor and is resumed.
- One that does not fit waits; its condition QuotaReserved says why.
- A Workload of higher priority evicts those of lower priority, if the
  ClusterQueue says so: the Job is suspended, and its own node selectors come
  back.

It knows one pod set a Job, one resource group a queue, and no cohorts, borrowing,
admission checks, fair sharing or partial admission.
"""
