using System.Globalization;
using System.Xml.Linq;
using Agora.Cluster;
using k8s;
using k8s.Models;

namespace Agora.Deploy.Tests;

/// <summary>The manifests, read as strictly as a cluster does, beside the cluster file of the pods.</summary>
public sealed class KubernetesTests
{
    private const string PodNameLabel = "statefulset.kubernetes.io/pod-name";

    private static readonly string s_folder = Repository.PathOf("deploy", "kubernetes");
    private static readonly ClusterFile s_cluster = ClusterFile.Load(Path.Combine(s_folder, "cluster.json"));
    private static readonly string[] s_manifests =
    [
        .. Directory.GetFiles(s_folder, "*.yaml").Where(f => Path.GetFileName(f) != "kustomization.yaml"),
    ];
    private static readonly object[] s_objects =
    [
        .. s_manifests.SelectMany(f => KubernetesYaml.LoadAllFromString(File.ReadAllText(f), strict: true)),
    ];

    private static IEnumerable<V1PodTemplateSpec> Templates =>
        [
            .. s_objects.OfType<V1StatefulSet>().Select(set => set.Spec.Template),
            .. s_objects.OfType<V1Deployment>().Select(deployment => deployment.Spec.Template),
        ];

    [Fact]
    public void Kustomize_takes_all_of_them()
    {
        var lines = File.ReadAllLines(Path.Combine(s_folder, "kustomization.yaml"));

        Assert.Equal(
            s_manifests.Select(file => Path.GetFileName(file)).Order(),
            lines
                .Where(l =>
                    l.StartsWith("  - ", StringComparison.Ordinal) && l.EndsWith(".yaml", StringComparison.Ordinal)
                )
                .Select(line => line[4..])
                .Order()
        );
    }

    [Fact]
    public void Every_name_is_used_once_for_its_kind() =>
        Assert.Equal(
            s_objects.Length,
            s_objects.Cast<IKubernetesObject<V1ObjectMeta>>().Select(o => (o.Kind, o.Metadata.Name)).Distinct().Count()
        );

    [Theory]
    [InlineData(Components.Customers)]
    [InlineData(Components.Products)]
    public void A_databases_replicas_have_stable_addresses_and_volumes(string component)
    {
        var group = component == Components.Customers ? s_cluster.Customers : s_cluster.Products;
        var set = Set(component);

        Assert.Equal(group.Replicas.Count, set.Spec.Replicas);
        Assert.Equal("Parallel", set.Spec.PodManagementPolicy);
        Assert.Null(Service(set.Spec.ServiceName).Spec.Selector.Keys.FirstOrDefault(key => key != "app"));
        Assert.Equal("None", Service(set.Spec.ServiceName).Spec.ClusterIP);
        Assert.True(Service(set.Spec.ServiceName).Spec.PublishNotReadyAddresses);
        Assert.Contains(set.Spec.VolumeClaimTemplates, claim => claim.Metadata.Name == "data");
        for (var replica = 0; replica < group.Replicas.Count; replica++)
        {
            var pod = $"{set.Metadata.Name}-{replica}";
            var address = group.Replicas[replica];

            Assert.Equal($"{pod}.{set.Spec.ServiceName}", address.Host);
            var via = Service(address.Dial().Host);
            Assert.Equal(pod, via.Spec.Selector[PodNameLabel]);
            Assert.True(via.Spec.PublishNotReadyAddresses);
            var peers = component == Components.Customers ? "UDP" : "TCP";
            Assert.Equal(
                [(address.GrpcPort, "TCP"), (address.PeerPort, peers)],
                via.Spec.Ports.Select(port => (port.Port, port.Protocol))
            );
            Assert.Equal((address.Dial().GrpcPort, address.Dial().PeerPort), (address.GrpcPort, address.PeerPort));
            Assert.Equal(
                [(address.GrpcPort, "TCP"), (address.PeerPort, peers), (address.OperatorsPort!.Value, "TCP")],
                Container(set.Spec.Template).Ports.Select(port => (port.ContainerPort, port.Protocol))
            );
        }
    }

    [Theory]
    [InlineData(Components.SellerServer)]
    [InlineData(Components.BuyerServer)]
    [InlineData(Components.Web)]
    public void A_server_is_any_number_of_pods_behind_its_name(string component)
    {
        var process = Assert.Single(s_cluster.Processes(), p => p.Component == component);
        var deployment = Assert.Single(s_objects.OfType<V1Deployment>(), d => d.Metadata.Name == $"agora-{component}");

        var service = Service(process.Host);
        Assert.Equal(deployment.Spec.Template.Metadata.Labels["app"], service.Spec.Selector["app"]);
        var ports = process.Listening.Select(endpoint => endpoint.Port);
        Assert.Equal(ports, service.Spec.Ports.Select(port => port.Port));
        Assert.Equal(ports, Container(deployment.Spec.Template).Ports.Select(port => port.ContainerPort));
        Assert.True(deployment.Spec.Replicas > 1);
        Assert.Equal("0", deployment.Spec.Strategy.RollingUpdate.MaxUnavailable.Value);
    }

    [Fact]
    public void Payments_is_one_pod_with_a_volume()
    {
        var set = Set(Components.Payments);
        var address = Assert.Single(s_cluster.Payments.Replicas);

        Assert.Equal(1, set.Spec.Replicas);
        Assert.Equal($"{set.Metadata.Name}-0.{set.Spec.ServiceName}", address.Host);
        Assert.Equal("None", Service(set.Spec.ServiceName).Spec.ClusterIP);
        Assert.Equal(
            [address.Port, address.OperatorsPort!.Value],
            Service(set.Spec.ServiceName).Spec.Ports.Select(port => port.Port)
        );
        Assert.Contains(set.Spec.VolumeClaimTemplates, claim => claim.Metadata.Name == "data");
    }

    [Fact]
    public void Of_all_that_are_several_one_may_be_taken_away_at_a_time()
    {
        string[] several =
        [
            .. s_objects.OfType<V1StatefulSet>().Where(s => s.Spec.Replicas > 1).Select(s => s.Metadata.Name),
            .. s_objects.OfType<V1Deployment>().Select(d => d.Metadata.Name),
        ];

        Assert.Equal(
            several.Order(),
            s_objects.OfType<V1PodDisruptionBudget>().Select(b => b.Spec.Selector.MatchLabels["app"]).Order()
        );
        Assert.All(
            s_objects.OfType<V1PodDisruptionBudget>(),
            budget => Assert.Equal("1", budget.Spec.MaxUnavailable.Value)
        );
    }

    [Fact]
    public void Every_pod_runs_and_asks_its_own_process()
    {
        foreach (var template in Templates)
        {
            var container = Container(template);
            var component = container.Name;
            var replica = component is Components.Customers or Components.Products ? "${HOSTNAME##*-}" : "0";
            var here = component is Components.Customers or Components.Products or Components.Payments
                ? ""
                : " --host 127.0.0.1";

            Assert.Equal($"agora-{component}", template.Metadata.Labels["app"]);
            Assert.Equal(Shell($"agora run {component} {replica} --data /var/lib/agora"), container.Command);
            Assert.Equal(Shell($"agora health {component}/{replica}{here}"), container.ReadinessProbe.Exec.Command);
            Assert.Equal(
                Shell($"agora health {component}/{replica}{here} --live"),
                container.LivenessProbe.Exec.Command
            );
            Assert.Equal(container.LivenessProbe.Exec.Command, container.StartupProbe.Exec.Command);
        }

        static string[] Shell(string command) => ["/bin/sh", "-c", $"exec {command}"];
    }

    [Fact]
    public void Every_pod_answers_operators_at_the_port_of_the_cluster_file_and_says_so_to_Prometheus()
    {
        foreach (var template in Templates)
        {
            var container = Container(template);
            var operators = s_cluster
                .Processes()
                .Where(process => process.Component == container.Name)
                .Select(process => process.Operators!.Port)
                .Distinct()
                .Single();

            Assert.Equal(operators, Assert.Single(container.Ports, port => port.Name == "operators").ContainerPort);
            Assert.Equal(
                new Dictionary<string, string>
                {
                    ["prometheus.io/scrape"] = "true",
                    ["prometheus.io/scheme"] = "https",
                    ["prometheus.io/port"] = operators.ToString(CultureInfo.InvariantCulture),
                    ["prometheus.io/path"] = "/metrics",
                },
                template.Metadata.Annotations
            );
        }
    }

    [Fact]
    public void Every_pod_is_confined()
    {
        foreach (var template in Templates)
        {
            var pod = template.Spec;
            var container = Container(template);

            Assert.True(pod.SecurityContext.RunAsNonRoot);
            Assert.Equal("RuntimeDefault", pod.SecurityContext.SeccompProfile.Type);
            Assert.False(pod.AutomountServiceAccountToken);
            Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
            Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
            Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
            Assert.Equal(
                ["/etc/agora/cluster.json", "/etc/agora/secrets", "/var/lib/agora"],
                container.VolumeMounts.Select(mount => mount.MountPath)
            );
            Assert.Equal(
                container.VolumeMounts.Select(mount => mount.Name).Order(),
                pod.Volumes.Select(volume => volume.Name).Union(["data"]).Order()
            );
        }
    }

    [Fact]
    public void The_images_version_is_that_of_the_program()
    {
        var version = XDocument.Load(Repository.PathOf("Directory.Build.props")).Descendants("Version").Single().Value;

        Assert.All(Templates, template => Assert.Equal($"agora:{version}", Container(template).Image));
    }

    [Fact]
    public async Task Each_replica_gets_the_keys_that_are_made_for_it_and_no_others()
    {
        var folder = Directory.CreateTempSubdirectory("agora-keys-").FullName;
        try
        {
            await new ClusterSecrets(folder).MakeAsync(
                s_cluster,
                TimeProvider.System.GetUtcNow(),
                renew: false,
                GroupKeyRule.Make,
                TestContext.Current.CancellationToken
            );
            foreach (var component in (string[])[Components.Customers, Components.Products])
            {
                var set = Set(component);
                var secret = set.Spec.Template.Spec.Volumes.Single(volume => volume.Name == "keys").Secret;
                var needed =
                    from process in s_cluster.Processes()
                    where process.Component == component
                    from file in Directory.GetFiles(Path.Combine(folder, process.Host))
                    let pod = $"{set.Metadata.Name}-{process.Replica}"
                    let name = Path.GetFileName(file)
                    select ($"{pod}.{name}", $"{pod}/{name}");

                Assert.Equal(needed.Order(), secret.Items.Select(item => (item.Key, item.Path)).Order());
                var mount = Container(set.Spec.Template).VolumeMounts.Single(m => m.Name == "keys");
                Assert.Equal("$(POD_NAME)", mount.SubPathExpr);
                Assert.True(mount.ReadOnlyProperty);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static V1StatefulSet Set(string component) =>
        Assert.Single(s_objects.OfType<V1StatefulSet>(), set => set.Metadata.Name == $"agora-{component}");

    private static V1Service Service(string name) =>
        Assert.Single(s_objects.OfType<V1Service>(), service => service.Metadata.Name == name);

    private static V1Container Container(V1PodTemplateSpec template) => Assert.Single(template.Spec.Containers);
}
