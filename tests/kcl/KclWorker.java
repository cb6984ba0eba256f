// SPDX-License-Identifier: Apache-2.0
// A worker of KCL's 1.x line over DynamoDB Streams, for the mixed fleet of scripts/accept-kcl: one
// KCL worker for each APPLICATION=STREAM-ARN that is given. It prints one JSON line for each record
// that it processed, before it checkpoints it, and one for each shard that it gets and loses.
//
//   java KclWorker ENDPOINT WORKER-ID FAILOVER-MS APPLICATION=STREAM-ARN...

import com.amazonaws.auth.AWSCredentialsProvider;
import com.amazonaws.auth.AWSStaticCredentialsProvider;
import com.amazonaws.auth.BasicAWSCredentials;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDB;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBClientBuilder;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBStreamsClientBuilder;
import com.amazonaws.services.dynamodbv2.model.AttributeValue;
import com.amazonaws.services.dynamodbv2.model.BillingMode;
import com.amazonaws.services.dynamodbv2.streamsadapter.AmazonDynamoDBStreamsAdapterClient;
import com.amazonaws.services.dynamodbv2.streamsadapter.StreamsWorkerFactory;
import com.amazonaws.services.dynamodbv2.streamsadapter.model.RecordAdapter;
import com.amazonaws.services.kinesis.clientlibrary.exceptions.InvalidStateException;
import com.amazonaws.services.kinesis.clientlibrary.exceptions.ShutdownException;
import com.amazonaws.services.kinesis.clientlibrary.exceptions.ThrottlingException;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.IRecordProcessorCheckpointer;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.v2.IRecordProcessor;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.InitialPositionInStream;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.KinesisClientLibConfiguration;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.ShutdownReason;
import com.amazonaws.services.kinesis.clientlibrary.types.InitializationInput;
import com.amazonaws.services.kinesis.clientlibrary.types.ProcessRecordsInput;
import com.amazonaws.services.kinesis.clientlibrary.types.ShutdownInput;
import com.amazonaws.services.kinesis.metrics.impl.NullMetricsFactory;
import com.amazonaws.services.kinesis.metrics.interfaces.IMetricsFactory;
import com.amazonaws.services.kinesis.model.Record;
import java.util.Map;
import java.util.concurrent.Executors;

public final class KclWorker {
    private static final String REGION = "us-east-1";

    /** Whole lines, at once: what was printed survives a kill. The texts need no escapes. */
    private static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static void event(String what, String application, String shard) {
        say("{\"event\":\"" + what + "\",\"ms\":" + System.currentTimeMillis()
                + ",\"application\":\"" + application + "\",\"shard\":\"" + shard + "\"}");
    }

    private static final class Processor implements IRecordProcessor {
        private final String application;
        private String shard;

        Processor(String application) {
            this.application = application;
        }

        @Override
        public void initialize(InitializationInput input) {
            shard = input.getShardId();
            event("taken", application, shard);
        }

        @Override
        public void processRecords(ProcessRecordsInput input) {
            for (Record record : input.getRecords()) {
                Map<String, AttributeValue> image =
                        ((RecordAdapter) record).getInternalObject().getDynamodb().getNewImage();
                say("{\"shard\":\"" + shard + "\",\"sequence\":\"" + record.getSequenceNumber()
                        + "\",\"table\":\"" + image.get("table").getS() + "\",\"pk\":\""
                        + image.get("pk").getS() + "\",\"n\":" + image.get("n").getN() + "}");
            }
            if (!input.getRecords().isEmpty()) {
                checkpoint(input.getCheckpointer());
            }
        }

        @Override
        public void shutdown(ShutdownInput input) {
            if (input.getShutdownReason() == ShutdownReason.TERMINATE) {
                checkpoint(input.getCheckpointer());
                event("ended", application, shard);
            } else {
                event("lost", application, shard);
            }
        }

        /** A checkpoint that fails repeats records later; none is lost by it. */
        private void checkpoint(IRecordProcessorCheckpointer checkpointer) {
            try {
                checkpointer.checkpoint();
            } catch (ShutdownException | ThrottlingException | InvalidStateException e) {
                System.err.println("checkpoint of " + shard + ": " + e);
            }
        }
    }

    private KclWorker() {
    }

    /** All of KCL's 1.x line is deprecated by now, and in use. */
    @SuppressWarnings("deprecation")
    public static void main(String[] args) {
        AWSCredentialsProvider credentials =
                new AWSStaticCredentialsProvider(new BasicAWSCredentials("local", "local"));
        EndpointConfiguration endpoint = new EndpointConfiguration(args[0], REGION);
        AmazonDynamoDB table = AmazonDynamoDBClientBuilder.standard()
                .withEndpointConfiguration(endpoint).withCredentials(credentials).build();
        AmazonDynamoDBStreamsAdapterClient streams = new AmazonDynamoDBStreamsAdapterClient(
                AmazonDynamoDBStreamsClientBuilder.standard().withEndpointConfiguration(endpoint)
                        .withCredentials(credentials).build());

        for (int i = 3; i < args.length; i++) {
            String application = args[i].substring(0, args[i].indexOf('='));
            String arn = args[i].substring(args[i].indexOf('=') + 1);
            KinesisClientLibConfiguration config =
                    new KinesisClientLibConfiguration(application, arn, credentials, args[1])
                            .withRegionName(REGION)
                            .withFailoverTimeMillis(Long.parseLong(args[2]))
                            .withInitialPositionInStream(InitialPositionInStream.TRIM_HORIZON)
                            .withIdleTimeBetweenReadsInMillis(500)
                            .withMaxRecords(100)
                            .withBillingMode(BillingMode.PAY_PER_REQUEST);
            IMetricsFactory none = new NullMetricsFactory();
            Runnable worker = StreamsWorkerFactory.createDynamoDbStreamsWorker(
                    () -> new Processor(application), config, streams, table, none,
                    Executors.newCachedThreadPool());
            new Thread(worker, application).start();
        }
    }
}
