"""Fields of files for functions and endpoints of clouds, and by what each kind of file is known.

Clouds refuse what they do not know once images are pushed, or drop it. What these files never hold
is let through as it is (`o`, `a`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from serve_app.documents.shapes import schema_of


@dataclass(frozen=True, slots=True)
class Template:
    """A kind of file: the keys of which one alone tells it, its shapes, and what each needs."""

    name: str
    keys: frozenset[str]
    shapes: Mapping[str, str]
    required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def fields(self) -> frozenset[str]:
        """The keys of the first level."""
        return frozenset(one.partition(":")[0] for one in self.shapes["Document"].split())


_SAM = Template(
    "SAM",
    frozenset(("AWSTemplateFormatVersion", "Transform", "Resources")),
    {
        "Document": (
            "AWSTemplateFormatVersion:s Transform:s Description:s Parameters:{Parameter "
            "Resources:o Outputs:{Output Globals:o Metadata:o Mappings:o Conditions:o Rules:o"
        ),
        "Parameter": (
            "Type:s Description:s Default:q AllowedPattern:s AllowedValues:a MinLength:i "
            "MaxLength:i MinValue:i MaxValue:i NoEcho:b ConstraintDescription:s"
        ),
        "Output": "Value:s Description:s Export:o Condition:s",
    },
    {"Document": ("Transform", "Resources"), "Parameter": ("Type",), "Output": ("Value",)},
)
SAM_FUNCTION = Template(
    "AWS::Serverless::Function",
    frozenset(),
    {
        "Document": (
            "Type:s Properties:Function Metadata:o DependsOn:o Condition:s DeletionPolicy:s "
            "UpdateReplacePolicy:s Connectors:o"
        ),
        "Function": (
            "PackageType:Image|Zip ImageUri:s ImageConfig:o CodeUri:o InlineCode:s Handler:s "
            "Runtime:s Layers:a Architectures:[x86_64|arm64 MemorySize:128..10240 Timeout:1..900 "
            "EphemeralStorage:Storage ReservedConcurrentExecutions:i LoggingConfig:Logging "
            "Environment:Environment FunctionUrlConfig:Url FunctionName:s Description:s Role:o "
            "Policies:o Tags:o Tracing:s VpcConfig:o Events:o AutoPublishAlias:o "
            "ProvisionedConcurrencyConfig:o DeploymentPreference:o DeadLetterQueue:o KmsKeyArn:o "
            "FileSystemConfigs:a SnapStart:o PermissionsBoundary:o VersionDescription:s "
            "EventInvokeConfig:o CodeSigningConfigArn:o RuntimeManagementConfig:o "
            "RecursiveLoop:s SourceKMSKeyArn:o PropagateTags:b AssumeRolePolicyDocument:o "
            "RolePath:s AutoPublishAliasAllProperties:b AutoPublishCodeSha256:s TenancyConfig:o "
            "CapacityProviderConfig:o DurableConfig:o PublishToLatestPublished:b "
            "FunctionScalingConfig:o VersionDeletionPolicy:s"
        ),
        "Storage": "Size:512..10240",
        "Logging": "LogFormat:JSON|Text ApplicationLogLevel:s SystemLogLevel:s LogGroup:o",
        "Environment": "Variables:o",
        "Url": "AuthType:AWS_IAM|NONE Cors:o InvokeMode:BUFFERED|RESPONSE_STREAM",
    },
)
_AZURE_ML = (
    Template(
        "endpoint of Azure ML",
        frozenset(("auth_mode", "$schema")),
        {
            "Document": (
                "$schema:s name:s description:s tags:o properties:o traffic:o mirror_traffic:o "
                "auth_mode:key|aml_token|aad_token public_network_access:s identity:o "
                "defaults:o compute:s kind:s"
            )
        },
        {"Document": ("name",)},
    ),
    Template(
        "deployment of Azure ML",
        frozenset(("endpoint_name", "instance_type", "$schema")),
        {
            "Document": (
                "$schema:s name:s endpoint_name:s description:s tags:o properties:o type:s "
                "model:o environment_variables:o environment:Environment code_configuration:o "
                "instance_type:s instance_count:0.. app_insights_enabled:b scale_settings:o "
                "request_settings:Requests liveness_probe:Probe readiness_probe:Probe "
                "startup_probe:Probe model_mount_path:s data_collector:o "
                "egress_public_network_access:s package_model:b"
            ),
            "Environment": (
                "name:s version:s image:s inference_config:Inference build:o conda_file:o "
                "description:s tags:o os_type:s"
            ),
            "Inference": "liveness_route:Route readiness_route:Route scoring_route:Route",
            "Route": "path:s port:port",
            "Requests": (
                "request_timeout_ms:1..180000 max_concurrent_requests_per_instance:1.. "
                "max_queue_wait_ms:0.."
            ),
            "Probe": (
                "initial_delay:0.. period:1.. timeout:1.. failure_threshold:1.. "
                "success_threshold:1.. path:s port:port scheme:s method:s"
            ),
        },
        {"Document": ("name", "endpoint_name"), "Route": ("path", "port")},
    ),
)
_FUNCTIONS = (
    Template(
        "host.json of Azure Functions",
        frozenset(("customHandler", "extensionBundle", "extensions")),
        {
            "Document": (
                "version:2.0 extensions:Extensions customHandler:Handler extensionBundle:Bundle "
                "logging:o functionTimeout:s healthMonitor:o concurrency:o aggregator:o "
                "functions:a singleton:o retry:o watchDirectories:a watchFiles:a "
                "managedDependency:o telemetryMode:s applicationInsights:o"
            ),
            "Extensions": (
                "http:Http queues:o blobs:o serviceBus:o eventHubs:o cosmosDB:o durableTask:o "
                "kafka:o rabbitMQ:o sendGrid:o signalR:o tables:o warmup:o"
            ),
            "Http": (
                "routePrefix:s maxOutstandingRequests:i maxConcurrentRequests:i "
                "dynamicThrottlesEnabled:b hsts:o customHeaders:o"
            ),
            "Handler": (
                "description:Program enableForwardingHttpRequest:b enableHttpProxyingRequest:b "
                "http:o"
            ),
            "Program": "defaultExecutablePath:s defaultWorkerPath:s workingDirectory:s arguments:a",
            "Bundle": "id:s version:s",
        },
        {"Document": ("version",), "Handler": ("description",)},
    ),
    Template(
        "function.json of Azure Functions",
        frozenset(("bindings",)),
        {
            "Document": "bindings:[Binding disabled:b scriptFile:s entryPoint:s retry:o",
            "Binding": (
                "type:s direction:in|out|inout name:s authLevel:anonymous|function|admin "
                "methods:a route:s queueName:s connection:s path:s topicName:s schedule:s "
                "subscriptionName:s dataType:s webHookType:s"
            ),
        },
        {"Document": ("bindings",), "Binding": ("type", "direction", "name")},
    ),
)
_SAGEMAKER = (
    Template(
        "endpoint's configuration of SageMaker",
        frozenset(("ProductionVariants",)),
        {
            "Document": (
                "EndpointConfigName:s ProductionVariants:[Variant DataCaptureConfig:o Tags:a "
                "KmsKeyId:s AsyncInferenceConfig:o ExplainerConfig:o ShadowProductionVariants:a "
                "ExecutionRoleArn:s VpcConfig:o EnableNetworkIsolation:b MetricsConfig:o"
            ),
            "Variant": (
                "VariantName:s ModelName:s InstanceType:s InitialInstanceCount:0.. "
                "InitialVariantWeight:n ServerlessConfig:Serverless AcceleratorType:s "
                "ContainerStartupHealthCheckTimeoutInSeconds:i VolumeSizeInGB:i CoreDumpConfig:o "
                "ModelDataDownloadTimeoutInSeconds:i EnableSSMAccess:b ManagedInstanceScaling:o "
                "RoutingConfig:o InferenceAmiVersion:s CapacityReservationConfig:o"
            ),
            "Serverless": (
                "MemorySizeInMB:1024..6144/1024 MaxConcurrency:1..200 ProvisionedConcurrency:1..200"
            ),
        },
        {
            "Document": ("EndpointConfigName",),
            "Variant": ("VariantName",),
            "Serverless": ("MemorySizeInMB", "MaxConcurrency"),
        },
    ),
    Template(
        "model of SageMaker",
        frozenset(("PrimaryContainer", "ExecutionRoleArn")),
        {
            "Document": (
                "ModelName:s PrimaryContainer:Container Containers:[Container VpcConfig:o Tags:a "
                "InferenceExecutionConfig:o ExecutionRoleArn:s EnableNetworkIsolation:b"
            ),
            "Container": (
                "Image:s ImageConfig:o Mode:s ModelDataUrl:s ModelDataSource:o Environment:t "
                "ContainerHostname:s ModelPackageName:s InferenceSpecificationName:s "
                "MultiModelConfig:o AdditionalModelDataSources:a"
            ),
        },
        {"Document": ("ModelName",)},
    ),
    Template(
        "endpoint of SageMaker",
        frozenset(("EndpointName", "EndpointConfigName")),
        {"Document": "EndpointName:s EndpointConfigName:s DeploymentConfig:o Tags:a"},
        {"Document": ("EndpointName", "EndpointConfigName")},
    ),
)
_VERTEX = (
    Template(
        "model to deploy on Vertex AI",
        frozenset(("deployedModel",)),
        {
            "Document": "deployedModel:Deployed trafficSplit:o",
            "Deployed": (
                "model:s displayName:s id:s dedicatedResources:Dedicated automaticResources:o "
                "sharedResources:s serviceAccount:s explanationSpec:o disableExplanations:b "
                "enableAccessLogging:b disableContainerLogging:b fasterDeploymentConfig:o "
                "rolloutOptions:o systemLabels:o"
            ),
            "Dedicated": (
                "machineSpec:Machine minReplicaCount:0.. maxReplicaCount:1.. "
                "requiredReplicaCount:0.. "
                "autoscalingMetricSpecs:a spot:b flexStart:o initialReplicaCount:i"
            ),
            "Machine": (
                "machineType:s acceleratorType:s acceleratorCount:i tpuTopology:s "
                "reservationAffinity:o gpuPartitionSize:s"
            ),
        },
        {"Deployed": ("model",), "Dedicated": ("machineSpec", "minReplicaCount")},
    ),
    Template(
        "model of Vertex AI",
        frozenset(("model",)),
        {
            "Document": "model:Model parentModel:s modelId:s serviceAccount:s",
            "Model": (
                "displayName:s name:s description:s artifactUri:s containerSpec:Container labels:t "
                "versionAliases:a versionDescription:s predictSchemata:o metadataSchemaUri:s "
                "metadata:o explanationSpec:o encryptionSpec:o baseModelSource:o"
            ),
            "Container": (
                "imageUri:s command:a args:a env:[Variable ports:[Port grpcPorts:[Port "
                "predictRoute:s healthRoute:s invokeRoutePrefix:s deploymentTimeout:s "
                "sharedMemorySizeMb:q startupProbe:o healthProbe:o livenessProbe:o"
            ),
            "Variable": "name:s value:s",
            "Port": "containerPort:port",
        },
        {"Model": ("displayName",), "Container": ("imageUri",), "Variable": ("name", "value")},
    ),
)
TEMPLATES = (_SAM, *_AZURE_ML, *_FUNCTIONS, *_SAGEMAKER, *_VERTEX)
"""In the order in which they are tried."""


@lru_cache
def template_schema(index: int) -> Mapping[str, Any]:
    """The schema of one of `TEMPLATES`."""
    return schema_of("Document", TEMPLATES[index].shapes, TEMPLATES[index].required)


@lru_cache
def function_schema() -> Mapping[str, Any]:
    """The schema of a function among the resources of a template of SAM."""
    return schema_of("Document", SAM_FUNCTION.shapes, {"Document": ("Type", "Properties")})
