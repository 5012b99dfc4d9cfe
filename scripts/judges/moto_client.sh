#!/usr/bin/env bash
# The program provisions, changes, leaves alone and destroys an environment on moto, over real HTTP.
#
#   moto_client.sh HA_DEPLOY PYTHON     the binary, and a Python with scripts/requirements-moto.txt
#
# What moto can't do is in moto_overlay.py. Its vaults have no recovery points to list, which is a warning.
set -euo pipefail
program=$1 python=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
"$python" "$here/moto_judge.py" --serve "$work/address" >"$work/moto.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
for _ in {1..240}; do
  [[ -s $work/address ]] && break
  sleep 0.25
done
[[ -s $work/address ]] || { cat "$work/moto.log"; echo "moto did not start"; exit 1; }

AWS_ENDPOINT_URL=$(<"$work/address")
export AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID=AKIAMOTO000000000000 AWS_SECRET_ACCESS_KEY=moto AWS_REGION=eu-west-1
export AWS_EC2_METADATA_DISABLED=true NO_COLOR=1

# configuration DATABASE MORE: an environment with every template but that of ECS-native services.
configuration() {
  cat <<YAML
version: 1
app: shop
environments:
  staging:
    suffix: stg
    region: eu-west-1
    accounts: ["123456789012"]
services:
  web:
    image: {repository: shop/web, tag: v1}
    port: 8080
    rollout: {alarms: [shop-web-5xx]}
    # moto's registry is empty, and a service isn't made before its image exists.
    stack_parameters:
      service-codedeploy: {ImageUri: "public.ecr.aws/nginx/nginx:1.29"}
stack:
  database: $1
  domain: shop.example.com
  dr: warm-standby
  dr_region: eu-central-1
  templates: {asg: true, cache: true, efs: true, cdn: true}
  parameters: {dr: {StandbyImage: "public.ecr.aws/nginx/nginx:1.29"}${2:-}}
YAML
}
configuration aurora >"$work/first.yml"
configuration aurora ', edge: {IdleTimeout: "30"}' >"$work/second.yml"
configuration rds >"$work/rds.yml"

# run LOG ARGUMENTS...: runs the program, shows what it says, and keeps it.
run() {
  local log=$work/$1
  shift
  printf '$ ha-deploy %s\n' "$*"
  timeout 300 "$program" "$@" 2>&1 | tee "$log"
}

# says LOG PATTERN: what the run said must match.
says() {
  grep -qE "$2" "$work/$1" || { echo "missing: $2"; exit 1; }
}

run create --config "$work/first.yml" provision
says create 'done .exit code 0. - 17 stacks are as wanted'
says create 'service-web-stg: CREATE_COMPLETE'
[[ $(grep -c 'CREATE_COMPLETE' "$work/create") == 17 ]] || { echo "not every stack was created"; exit 1; }

run again --config "$work/first.yml" provision
says again 'done .exit code 0. - 17 stacks are as wanted'
# moto finds a change in some parameters that did not change, so only the others can be counted.
(($(grep -c 'already as wanted' "$work/again") > 11)) || { echo "a second run changed stacks"; exit 1; }

run update --config "$work/second.yml" provision
says update 'edge-stg: UPDATE_COMPLETE'

run destroy --config "$work/second.yml" destroy
says destroy '17 stacks are gone'
run bootstrap --config "$work/first.yml" bootstrap --repository example/shop --repository-id 1 --owner-id 2
says bootstrap 'DeployRole: arn:aws:iam::'

run rds --config "$work/rds.yml" provision
says rds 'db-rds-stg: CREATE_COMPLETE'
run gone --config "$work/rds.yml" destroy
says gone '17 stacks are gone'
run nothing --config "$work/second.yml" destroy
says nothing '0 stacks are gone'
echo "moto: created, left alone, updated and destroyed 17 stacks through the program"
