#!/bin/sh
# Runs a blue/green deployment, and makes and removes a stack, with aws-cli against `ha-deploy rehearse --serve`.
#
#   VENV=DIR CLUSTER=… SERVICE=… APPLICATION=… GROUP=… [CONTAINER=app PORT=8080] aws_cli.sh ENDPOINT
#
# VENV has awscli 1.46.2 (`python3 -m venv DIR && DIR/bin/pip install awscli==1.46.2`). The names are
# those of the world that is served. The waiter of aws-cli polls every 15 s of real time, so serve
# with --speed 60 or more.
set -eu

endpoint=${1:?usage: aws_cli.sh ENDPOINT}
: "${VENV:?}" "${CLUSTER:?}" "${SERVICE:?}" "${APPLICATION:?}" "${GROUP:?}"
container=${CONTAINER:-app}
port=${PORT:-8080}

# Nothing of the machine's own AWS configuration may leak in, and nothing may leave for AWS.
AWS_ENDPOINT_URL=$endpoint AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=secret
AWS_REGION=${REGION:-eu-west-1} AWS_DEFAULT_REGION=${REGION:-eu-west-1} AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true
AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_MAX_ATTEMPTS=5
export AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION AWS_DEFAULT_REGION AWS_PAGER
export AWS_EC2_METADATA_DISABLED AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_MAX_ATTEMPTS
unset AWS_PROFILE AWS_SESSION_TOKEN HTTP_PROXY http_proxy || true

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
aws() { "$VENV/bin/aws" "$@"; }
step() { echo "aws-cli: $*" >&2; }

step "sts get-caller-identity"
aws sts get-caller-identity --query Account --output text

step "ecs describe-services"
# shellcheck disable=SC2016 # JMESPath writes literals in backticks
live=$(aws ecs describe-services --cluster "$CLUSTER" --services "$SERVICE" \
    --query 'services[0].taskSets[?status==`PRIMARY`].taskDefinition | [0]' --output text)
[ "$live" != None ] || { step "the service has no primary task set"; exit 1; }

# The next revision: what is live, less what only AWS may say.
aws ecs describe-task-definition --task-definition "$live" --query taskDefinition --output json >"$work/live.json"
"$VENV/bin/python" - "$work/live.json" "$work/next.json" <<'PY'
import json, sys
task = json.load(open(sys.argv[1]))
for key in ("taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities",
            "registeredAt", "registeredBy", "deregisteredAt", "deleteRequestedAt"):
    task.pop(key, None)
json.dump(task, open(sys.argv[2], "w"))
PY
cat >"$work/appspec.json" <<JSON
{"version": 0.0, "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": {
  "TaskDefinition": "$live",
  "LoadBalancerInfo": {"ContainerName": "$container", "ContainerPort": $port}}}}]}
JSON

step "ecs deploy"
aws ecs deploy --cluster "$CLUSTER" --service "$SERVICE" --task-definition "$work/next.json" \
    --codedeploy-appspec "$work/appspec.json" --codedeploy-application "$APPLICATION" \
    --codedeploy-deployment-group "$GROUP"

step "deploy create-deployment"
"$VENV/bin/python" - "$work/appspec.json" "$work/revision.json" <<'PY'
import json, sys
content = open(sys.argv[1]).read()
json.dump({"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}, open(sys.argv[2], "w"))
PY
id=$(aws deploy create-deployment --application-name "$APPLICATION" --deployment-group-name "$GROUP" \
    --revision "file://$work/revision.json" --query deploymentId --output text)

step "deploy wait deployment-successful $id"
aws deploy wait deployment-successful --deployment-id "$id"

status=$(aws deploy get-deployment --deployment-id "$id" --query deploymentInfo.status --output text)
[ "$status" = Succeeded ] || { step "$id ended as $status"; exit 1; }
# The waiters of CloudFormation poll every 30 s of real time.
cat >"$work/stack.yml" <<'YAML'
Parameters:
  Suffix: {Type: String, AllowedPattern: '^[a-z]+$'}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties: {TopicName: !Sub 'alerts-${Suffix}'}
  TopicArn:
    Type: AWS::SSM::Parameter
    Properties: {Name: !Sub '/judge/${Suffix}/topic', Type: String, Value: !Ref Topic}
Outputs:
  Topic: {Value: !Ref Topic}
YAML
stack() {
    aws cloudformation deploy --stack-name judge --template-file "$work/stack.yml" \
        --parameter-overrides Suffix=stg --no-fail-on-empty-changeset
}
step "cloudformation deploy"
stack
step "cloudformation deploy again"
stack | grep 'No changes to deploy'
topic=$(aws cloudformation describe-stacks --stack-name judge --query 'Stacks[0].Outputs[0].OutputValue' --output text)
value=$(aws ssm get-parameter --name /judge/stg/topic --query Parameter.Value --output text)
[ "$topic" = "$value" ] || { step "the parameter holds $value, the output $topic"; exit 1; }
step "cloudformation delete-stack"
aws cloudformation delete-stack --stack-name judge
aws cloudformation wait stack-delete-complete --stack-name judge
step "done: $id succeeded, the stack came and went"
