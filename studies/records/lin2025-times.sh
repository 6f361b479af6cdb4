#!/bin/sh
# Records the times of Fig. 16: `sh lin2025-times.sh PROGRAM` in studies/records. Each is the least of five runs of one batch: the
# first decision of its policy, which includes building the tables of paths.
W=${1:-wayside}
least() {
    for again in 1 2 3 4 5; do
        "$W" run "$1" --set fleet.size=$2 --set policy.lysac.episodes=$3 $4 --seeds $5..$5 --threads 1 --quiet --format csv
    done | awk -F, -v pre="$6" -v seed=$5 '
        $1 == "policy" { for (i = 1; i <= NF; i++) if ($i == "decision_time_s_p50") c = i; next }
        !($1 in t) || $c < t[$1] { t[$1] = $c }
        END { for (p in t) print pre "," p "," seed "," t[p] }' | sort
}
echo neighbours,num,policy,seed,decision_time_s > lin2025-times.csv
echo episodes,num,policy,seed,decision_time_s > lin2025-times-lysac.csv
for seed in $(seq 1000 1029); do
    for neighbours in 5 30; do for num in 50 300; do
        least lin2025-n$neighbours $num 100 "--policy mcatm" $seed $neighbours,$num >> lin2025-times.csv
    done; done
    for episodes in 10 50 100; do for num in 50 300; do
        least lin2025-n5 $num $episodes "--policy mcatm --policy lysac" $seed $episodes,$num >> lin2025-times-lysac.csv
    done; done
done
