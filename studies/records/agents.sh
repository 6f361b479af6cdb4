#!/bin/sh
# Makes wang2025-training.csv and wang2025-agents.csv, the records of the paper's agents; README.md here describes them.
#
#   WAYSIDE=target/release/wayside studies/records/agents.sh train FOLDER [SEED...]      5 sizes x PPO and AC each; resumes where it stopped
#   WAYSIDE=target/release/wayside studies/records/agents.sh evaluate FOLDER [SEED...]   after training
#   studies/records/agents.sh collect FOLDER                                             writes both tables
set -eu
wayside=${WAYSIDE:-wayside}
step=$1
folder=$2
shift 2
seeds=$*
here=$(dirname "$0")

# Seeds that were asked for, else those of the records: twenty for the sizes at which ten left a verdict undecided.
seeds_of() {
    if [ -n "$seeds" ]; then
        echo "$seeds"
        return
    fi
    case $1 in
        20 | 100) seq -s ' ' 0 19 ;;
        *) seq -s ' ' 0 9 ;;
    esac
}

# Slots per training: fewer heads learn sooner.
slots() {
    case $1 in
        100) echo 150000 ;;
        80) echo 120000 ;;
        60) echo 90000 ;;
        40) echo 60000 ;;
        20) echo 40000 ;;
    esac
}

train() {
    for vehicles in 100 80 60 40 20; do
        for seed in $(seeds_of "$vehicles"); do
            for agent in ppo ac; do
                out=$folder/$agent-$vehicles-$seed
                [ -f "$out/done" ] && continue
                rm -rf "$out"
                "$wayside" train $agent wang2025 --option agent=paper --seed "$seed" --set fleet.size="$vehicles" \
                    --option total_timesteps="$(slots $vehicles)" --threads 1 --quiet --out "$out"
                touch "$out/done"
            done
        done
    done
}

evaluate() {
    for vehicles in 100 80 60 40 20; do
        for seed in $(seeds_of "$vehicles"); do
            from=$((2000 + 60 * seed))
            "$wayside" run wang2025 --set fleet.size="$vehicles" --seeds "$from..$((from + 59))" --slots 6 --bound=simple \
                --policy "$folder/ppo-$vehicles-$seed/policy.safetensors,$folder/ac-$vehicles-$seed/policy.safetensors,local,random,greedy-computation,greedy-data,nearest,price,best-response" \
                --no-timing --threads 1 --force --out "$folder/run-$vehicles-$seed" >/dev/null
        done
    done
}

collect() {
    {
        echo policy,vehicles,seed,objective,delay_s,energy_j,lbm,lbm_violations,deadline_met,offloaded,migrated,gap
        for vehicles in 20 40 60 80 100; do
            for seed in $(seeds_of "$vehicles"); do
                awk -F, -v vehicles="$vehicles" -v seed="$seed" '
                    NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
                    {
                        name = $at["policy"]; sub(/-[0-9]+-[0-9]+\/policy\.safetensors$/, "", name); sub(/.*\//, "", name)
                        n = split("objective delay_s energy_j lbm lbm_violations deadline_met offloaded migrated gap", metric, " ")
                        line = name "," vehicles "," seed
                        for (i = 1; i <= n; i++) line = line "," $at[metric[i]]
                        print line
                    }' "$folder/run-$vehicles-$seed/summary.csv"
            done
        done
    } >"$here/wang2025-agents.csv"
    {
        echo policy,seed,slots,reward
        for agent in ppo ac; do
            for seed in $(seeds_of 100); do
                # slots 0: the first 256 slots, before anything is learned; then means over 2,000
                awk -F, -v agent=$agent -v seed="$seed" '
                    NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
                    $at["wayside/reward"] == "" { next }
                    {
                        slots = $at["wayside/slots"]; earned = $at["wayside/reward"] * (slots - before)
                        sum += earned; count += slots - before; start += earned; before = slots
                        if (!first && slots >= 256) { print agent "," seed ",0," start / slots; first = 1 }
                        if (int(slots / 2000) > block) {
                            block = int(slots / 2000)
                            print agent "," seed "," block * 2000 "," sum / count
                            sum = count = 0
                        }
                    }' "$folder/$agent-100-$seed/progress.csv"
            done
        done
    } >"$here/wang2025-training.csv"
}

"$step"
