#!/bin/sh
# assay worker --slurm where the last puller was killed in the middle of a job: there is no worker that would put the job back,
# so who submits pullers does. With a squeue that knows of nobody, and an sbatch that is content.
. "$(dirname "$0")/../../e2e/lib.sh"
models
library
export HF_ENDPOINT="$tmp/hub"
mkdir "$tmp/bin"
printf '#!/bin/sh\n' >"$tmp/bin/squeue"
printf '#!/bin/sh\ncat >"%s"\necho 1\n' "$tmp/script" >"$tmp/bin/sbatch"
chmod +x "$tmp/bin/squeue" "$tmp/bin/sbatch"
scale() { PATH="$tmp/bin:$PATH" "$ASSAY" worker --slurm --max-workers 4 --time 10; }

code 'db init' 0 "$ASSAY" db init
sql 'UPDATE settings SET crash_backoff_s = 0'
code 'submit' 0 "$ASSAY" submit -s e2e_slow tiny/decoder
code 'a puller is killed in a job' 137 env ASSAY_FAULT='claimed:1!KILL' "$ASSAY" worker --once --lease 1
over() { [ "$(sql "SELECT bool_and(lease_until < clock_timestamp()) FROM jobs WHERE state = 'leased'")" = t ]; }
wait_for 'its lease has run out' over
code 'nobody else is there' 0 scale
has 'a puller is submitted for it' '#SBATCH --array=0-0' "$tmp/script"
finish
