using System.Globalization;
using Agora.Products.Processes;

// A replica of the products database as a process of its own, for the suites and benchmarks that refer to this project.
return args is ["replica", var number, var clusterFile, var directory]
    ? await ProductsGroup.RunReplicaAsync(int.Parse(number, CultureInfo.InvariantCulture), clusterFile, directory)
    : throw new ArgumentException("replica NUMBER CLUSTER-FILE DIRECTORY");
